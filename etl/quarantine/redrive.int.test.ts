/** Refused rows and their second chance, with a scripted venue and a real Postgres. */
import { beforeEach, expect, test } from 'vitest';
import { decimal } from '#core/decimal.ts';
import { AppError } from '#core/errors.ts';
import { epochMs } from '#core/time.ts';
import { TEST_OPEN_TIME, TEST_SERIES, testCandles } from '../../tests/support/candles.ts';
import { usePostgres } from '../../tests/support/postgres.ts';
import { scriptedVenue, type ScriptedVenue } from '../../tests/support/scripted-venue.ts';
import { ingest } from '../ingest.ts';
import { listQuarantine } from './list-quarantine.ts';
import { redriveQuarantine, type RedriveReport } from './redrive.ts';

const database = usePostgres();
const MINUTE = 60_000;
const SPIKE = epochMs(TEST_OPEN_TIME + 5 * MINUTE);
const BROKEN = epochMs(TEST_OPEN_TIME + 8 * MINUTE);
const GOOD = testCandles(20);
const BAD = GOOD.map((candle) => {
  if (candle.openTime === SPIKE) return { ...candle, high: decimal('99999') };
  return candle.openTime === BROKEN ? { ...candle, low: decimal('109') } : candle;
});
let venue: ScriptedVenue;

beforeEach(async () => {
  await database.pool.query(
    'truncate market.candles, market.raw_payloads, market.quarantine, market.ingest_runs',
  );
  venue = scriptedVenue(TEST_SERIES, BAD, epochMs(TEST_OPEN_TIME + 60 * MINUTE));
  const { counts } = await ingest({
    job: 'collect',
    adapter: venue,
    pool: database.pool,
    series: TEST_SERIES,
    from: TEST_OPEN_TIME,
    to: epochMs(TEST_OPEN_TIME + 20 * MINUTE),
  });
  expect(counts).toMatchObject({ inserted: 18, quarantined: 2 });
});

const waiting = (reason?: string) => listQuarantine(database.pool, { reason, limit: 100 });

async function redrive(reason?: string, acceptsJumps = false): Promise<RedriveReport> {
  const rows = await waiting(reason);
  return redriveQuarantine({ pool: database.pool, open: () => venue, rows, acceptsJumps });
}

test('rows that are refused again go on waiting, once each', async () => {
  const { settled, refused } = await redrive();
  expect([settled.length, refused.length]).toEqual([0, 2]);
  expect((await waiting()).map(({ reason, openTime }) => [reason, openTime])).toEqual(
    expect.arrayContaining([
      ['jump', SPIKE],
      ['ohlc_order', BROKEN],
    ]),
  );
  expect(await waiting()).toHaveLength(2);
});

test('a jump is stored when somebody means it, and nothing else with it', async () => {
  const beside = epochMs(SPIKE + MINUTE);
  venue.candles = BAD.map((candle) =>
    candle.openTime === beside ? { ...candle, high: decimal('88888') } : candle,
  );
  const { settled } = await redrive('jump', true);
  expect(settled).toHaveLength(1);
  const stored = await database.pool.query<{ high: string }>(
    'select high from market.candles where high > 10000',
  );
  expect(stored.rows).toEqual([{ high: '99999.000000000000000000' }]);
  expect((await waiting()).map(({ reason }) => reason)).toEqual(['ohlc_order']);
});

test('rows that the venue has corrected are settled with one question', async () => {
  venue.candles = GOOD;
  venue.asked.length = 0;
  const { settled, refused } = await redrive();
  expect([settled.length, refused.length]).toEqual([2, 0]);
  expect(venue.asked).toHaveLength(1);
  expect(await waiting()).toEqual([]);
  const none = { settled: [], refused: [], timeless: [], unasked: [], failures: [] };
  expect(await redrive()).toEqual(none);
});

test('rows of a venue that fails are not asked for, and go on waiting', async () => {
  venue.failure = new AppError('WICK_ETL_VENUE_DOWN', 'the venue is out');
  const { settled, refused, unasked, failures } = await redrive();
  expect([settled, refused, unasked.length]).toEqual([[], [], 2]);
  const series = 'binance-futures|perp|BTC/USDT|1m';
  expect(failures).toEqual([{ series, error: expect.stringContaining('the venue is out') }]);
  expect(await waiting()).toHaveLength(2);
});

test('a row whose time cannot be read is left to people', async () => {
  await database.pool.query('update market.quarantine set open_time = null');
  venue.asked.length = 0;
  const { settled, timeless } = await redrive();
  expect([settled.length, timeless.length]).toEqual([0, 2]);
  expect(venue.asked).toEqual([]);
});

test('a row is not settled by another candle that is stored at its time', async () => {
  await database.pool.query('delete from market.candles where open_time = $1::timestamptz', [
    new Date(SPIKE).toISOString(),
  ]);
  venue.candles = GOOD;
  await ingest({
    job: 'collect',
    adapter: venue,
    pool: database.pool,
    series: TEST_SERIES,
    from: SPIKE,
    to: epochMs(SPIKE + MINUTE),
  });
  // The good candle is stored; the venue tells the spike again.
  venue.candles = BAD;
  expect(await redrive('jump')).toMatchObject({ settled: [], refused: [expect.any(String)] });
  const { settled } = await redrive('jump', true);
  expect(settled).toHaveLength(1);
  const stored = await database.pool.query<{ high: string; revision: number }>(
    'select high, revision from market.candles where high > 10000',
  );
  expect(stored.rows).toEqual([{ high: '99999.000000000000000000', revision: 1 }]);
});

test('a payment is left to people: it is no candle', async () => {
  await database.pool.query(`update market.quarantine set kind = 'funding'`);
  venue.asked.length = 0;
  const { settled, timeless } = await redrive();
  expect([settled.length, timeless.length]).toEqual([0, 2]);
  expect(venue.asked).toEqual([]);
});

/** What a run lost, asked of a real Postgres. */
import { afterEach, describe, expect, test } from 'vitest';
import type { Series } from '#core/candle.ts';
import { epochMs } from '#core/time.ts';
import { inTransaction } from '#platform/postgres.ts';
import { quarantineRows } from '../../etl/load/quarantine-rows.ts';
import { startRun } from '../../etl/load/start-run.ts';
import type { ReplayStatus } from '../../local/venues/replay-status.ts';
import { TEST_OPEN_TIME, TEST_SERIES, testCandles } from '../../tests/support/candles.ts';
import { storeCandles } from '../../tests/support/market.ts';
import { usePostgres } from '../../tests/support/postgres.ts';
import { describeLosses, readLosses } from './losses.ts';

const database = usePostgres();
const ETH: Series = { ...TEST_SERIES, symbol: 'ETH/USDT' };
const RANGE = { from: TEST_OPEN_TIME, to: epochMs(TEST_OPEN_TIME + 300_000) };

afterEach(() =>
  database.pool.query('truncate market.candles, market.quarantine, market.ingest_runs'),
);

/** A recording of five candles. */
function served(series: Series, file: string): ReplayStatus['series'][number] {
  return { ...series, file, candles: 5, ...RANGE };
}

async function park(series: Series, ...reasons: readonly string[]): Promise<void> {
  const { pool } = database;
  const { from, to } = RANGE;
  const run = await startRun(pool, { job: 'test', series, from, to });
  const rows = reasons.map((reason, index) => ({
    rawId: null,
    openTime: null,
    reason,
    detail: '',
    rawRow: String(index),
  }));
  await inTransaction(pool, (client) => quarantineRows(client, series, rows, run));
}

const BTC_FILE = served(TEST_SERIES, 'BTCUSDT-1m.csv');
const ETH_FILE = served(ETH, 'ETHUSDT-1m.csv');

const lossesOf = (...rejected: ReplayStatus['rejected']) =>
  readLosses(database.pool, { series: [BTC_FILE, ETH_FILE], rejected });

async function storeBoth(): Promise<void> {
  await storeCandles(database.pool, [...testCandles(5), ...testCandles(5, ETH)]);
}

test('where all is stored nothing is said', async () => {
  await storeBoth();
  const losses = await lossesOf();
  expect(losses).toEqual({ quarantined: [], missing: [] });
  expect(describeLosses(losses, 0)).toEqual([]);
});

test('refused rows are counted by reason, those redriven are not', async () => {
  await storeBoth();
  await park(TEST_SERIES, 'off_grid', 'ohlc_order', 'ohlc_order');
  await park(ETH, 'ohlc_order', 'future');
  await database.pool.query(
    `update market.quarantine set redriven_at = now() where reason = 'future'`,
  );
  const losses = await lossesOf();
  expect(losses.missing).toEqual([]);
  expect(describeLosses(losses, 0)).toEqual([
    'in quarantine: 4 refused rows (ohlc_order 3, off_grid 1); see market.quarantine in Postgres',
  ]);
});

test('dead letters are told with where to look', () => {
  expect(describeLosses({ quarantined: [], missing: [] }, 3)).toEqual([
    'dead letters: 3 records that could not be analysed; the header wick.reason of each in the topic "wickstream.dlq" says why',
  ]);
});

describe('a series is missing', () => {
  test('when all its rows were refused', async () => {
    await storeCandles(database.pool, testCandles(5));
    await park(ETH, 'ohlc_order', 'off_grid', 'ohlc_order');
    const losses = await lossesOf();
    expect(losses.missing).toEqual([
      'ETH/USDT 1m: its file ETHUSDT-1m.csv has 5 rows, none was taken (off_grid, ohlc_order)',
    ]);
    expect(describeLosses(losses, 0).at(-1)).toBe(`nothing is stored of ${losses.missing[0]}`);
  });

  test('when nothing says why', async () => {
    await storeCandles(database.pool, testCandles(5));
    expect((await lossesOf()).missing).toEqual([
      'ETH/USDT 1m: its file ETHUSDT-1m.csv has 5 rows, none was taken (see scheduler.log)',
    ]);
  });

  test('when only other times and intervals of it are stored', async () => {
    await storeBoth();
    await database.pool.query(
      `update market.candles set interval = '5m' where symbol = 'ETH/USDT'`,
    );
    expect((await lossesOf()).missing).toHaveLength(1);
    await database.pool.query(
      `update market.candles set interval = '1m', open_time = open_time + interval '1 hour'
       where symbol = 'ETH/USDT'`,
    );
    expect((await lossesOf()).missing).toHaveLength(1);
  });

  test('when its file is refused as a whole', async () => {
    await storeBoth();
    const file = { file: 'SOLUSDT-1m.csv.gz', reason: 'line 7: 5 columns instead of 6' };
    expect((await lossesOf(file)).missing).toEqual([
      'SOL/USDT 1m: its file SOLUSDT-1m.csv.gz is not served: line 7: 5 columns instead of 6',
    ]);
  });
});

describe('a file that is refused leaves nothing missing', () => {
  test.each([
    ['without a series in its name', 'prices.csv', 'no "-" between symbol and interval'],
    ['without rows', 'SOLUSDT-1m.csv', 'no candles below the header'],
    ['beside another of its series', 'BTC-USDT-1m.csv', 'the series is already read'],
  ])('%s', async (_, file, reason) => {
    await storeBoth();
    expect((await lossesOf({ file, reason })).missing).toEqual([]);
  });

  test('of a series that is stored from before', async () => {
    await storeBoth();
    await storeCandles(database.pool, testCandles(5, { symbol: 'SOL/USDT' }));
    const file = { file: 'SOLUSDT-1m.csv', reason: 'line 7: 5 columns instead of 6' };
    expect((await lossesOf(file)).missing).toEqual([]);
  });
});

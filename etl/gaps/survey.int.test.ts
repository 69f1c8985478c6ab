/** The gap ledger on a real Postgres, with a venue that hides candles, shows them, or never has them. */
import { beforeEach, describe, expect, test } from 'vitest';
import type { Candle } from '#core/candle.ts';
import { decimal } from '#core/decimal.ts';
import { AppError } from '#core/errors.ts';
import { epochMs, type EpochMs } from '#core/time.ts';
import { TEST_OPEN_TIME, TEST_SERIES, testCandles } from '../../tests/support/candles.ts';
import { storeCandles } from '../../tests/support/market.ts';
import { usePostgres } from '../../tests/support/postgres.ts';
import { recordLogger } from '../../tests/support/recorded-logger.ts';
import { scriptedVenue, type ScriptedVenue } from '../../tests/support/scripted-venue.ts';
import { surveyGaps, type GapReport, type GapSurvey } from './survey.ts';

const database = usePostgres();

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const CANDLES = testCandles(24 * 60);
const at = (minutes: number): EpochMs => epochMs(TEST_OPEN_TIME + minutes * MINUTE);
const END = at(24 * 60);
/** Four hours in the middle, from 06:00 to 10:00. */
const isCut = ({ openTime }: Candle): boolean => openTime >= at(360) && openTime < at(600);
const NOTHING: GapReport = {
  found: 0,
  repaired: 0,
  venueEmpty: 0,
  unrepairable: 0,
  stillMissing: 0,
};

let venue: ScriptedVenue;
let now: EpochMs;

beforeEach(async () => {
  await database.pool.query(
    `truncate market.candles, market.raw_payloads, market.quarantine, market.ingest_runs,
       market.gaps, market.anchors, market.symbols cascade`,
  );
  venue = scriptedVenue(TEST_SERIES, CANDLES, epochMs(END + HOUR));
  now = epochMs(END + HOUR);
});

async function survey(changes: Partial<GapSurvey> = {}): Promise<GapReport> {
  now = epochMs(now + HOUR);
  return surveyGaps({
    pool: database.pool,
    adapter: venue,
    series: TEST_SERIES,
    from: TEST_OPEN_TIME,
    to: END,
    clock: { now: () => now },
    logger: recordLogger().logger,
    ...changes,
  });
}

async function ledger(): Promise<Record<string, unknown>[]> {
  const found = await database.pool.query<Record<string, unknown>>(
    'select * from market.gaps order by exchange, symbol, gap_from',
  );
  return found.rows;
}

async function storedCount(): Promise<number> {
  const found = await database.pool.query('select from market.candles');
  return found.rowCount ?? 0;
}

describe('four hours that are missing in the middle', () => {
  beforeEach(() =>
    storeCandles(
      database.pool,
      CANDLES.filter((candle) => !isCut(candle)),
    ),
  );

  test('are recorded, and repaired once the venue shows them', async () => {
    venue.hides = isCut;
    expect(await survey()).toEqual({ ...NOTHING, found: 240, stillMissing: 240 });
    expect(await ledger()).toMatchObject([
      {
        gap_from: at(360),
        gap_to: at(600),
        candles: '240',
        cause: 'missing',
        attempts: 1,
        empty_answers: 1,
        resolved_at: null,
      },
    ]);
    const firstSeen = (await ledger())[0]?.['first_seen_at'];
    venue.hides = () => false;
    expect(await survey()).toEqual({ ...NOTHING, repaired: 240 });
    expect(await ledger()).toMatchObject([
      {
        gap_from: at(360),
        gap_to: at(600),
        cause: 'repaired',
        first_seen_at: firstSeen,
        resolved_at: now,
      },
    ]);
    expect(await storedCount()).toBe(CANDLES.length);
    expect(venue.asked.map(({ from, to }) => [from, to])).toEqual([
      [at(360), at(600)],
      [at(360), at(600)],
    ]);
  });

  test('that lie in a known halt are empty after one answer, which names the halt', async () => {
    venue.hides = isCut;
    const halts = [
      {
        exchange: TEST_SERIES.exchange,
        from: at(360),
        to: at(600),
        note: 'upgrade',
        source: 'https://venue.example/news',
      },
    ];
    expect(await survey({ halts })).toEqual({ ...NOTHING, found: 240, venueEmpty: 240 });
    expect(await ledger()).toMatchObject([
      {
        gap_from: at(360),
        gap_to: at(600),
        cause: 'venue_empty',
        attempts: 1,
        detail: expect.stringMatching(
          /^answered once .*: upgrade \(https:\/\/venue.example\/news\)$/,
        ),
      },
    ]);
    expect(await survey({ halts })).toEqual(NOTHING);
    expect(venue.asked).toHaveLength(1);
  });

  test('move the anchor only once nothing is missing any more', async () => {
    const anchor = async (): Promise<unknown> =>
      (await database.pool.query<{ anchor: unknown }>('select anchor from market.anchors')).rows[0]
        ?.anchor;
    await database.pool.query('update market.anchors set anchor = $1', [new Date(at(600))]);
    venue.hides = ({ openTime }) => openTime >= at(400) && openTime < at(410);
    await survey();
    expect(await anchor()).toBe(at(600));
    venue.hides = () => false;
    await survey();
    expect(await anchor()).toBe(TEST_OPEN_TIME);
  });

  test('that the venue never has are empty after the second answer, and not asked for again', async () => {
    venue.hides = isCut;
    await survey();
    expect(await survey()).toEqual({ ...NOTHING, venueEmpty: 240 });
    expect(await ledger()).toMatchObject([{ cause: 'venue_empty', attempts: 2, resolved_at: now }]);
    expect(await survey()).toEqual(NOTHING);
    expect(venue.asked).toHaveLength(2);
  });

  test('turn to repaired when they come by another way', async () => {
    venue.hides = isCut;
    await survey();
    await survey();
    await storeCandles(database.pool, CANDLES.filter(isCut));
    expect(await survey()).toEqual({ ...NOTHING, repaired: 240 });
    expect(await ledger()).toMatchObject([{ cause: 'repaired', detail: 'was venue_empty' }]);
  });

  test('of which only some come are told apart', async () => {
    venue.hides = ({ openTime }) => openTime >= at(400) && openTime < at(410);
    expect(await survey()).toEqual({ ...NOTHING, found: 240, repaired: 230, stillMissing: 10 });
    expect((await ledger()).map((row) => [row['cause'], row['gap_from'], row['candles']])).toEqual([
      ['repaired', at(360), '40'],
      ['missing', at(400), '10'],
      ['repaired', at(410), '190'],
    ]);
  });

  test('are only looked for where nothing may be asked', async () => {
    expect(await survey({ askMax: 0 })).toEqual({ ...NOTHING, found: 240, stillMissing: 240 });
    expect(venue.asked).toEqual([]);
    expect(await ledger()).toMatchObject([{ attempts: 0, last_checked_at: null }]);
  });

  test('rest after a question, twice as long after the next', async () => {
    venue.failure = new AppError('WICK_ETL_VENUE_HTTP', 'HTTP 500');
    await survey();
    now = epochMs(now - HOUR + 30_000);
    await survey();
    expect(venue.asked).toHaveLength(1);
    await survey({ restMs: HOUR });
    await survey({ restMs: HOUR });
    expect(venue.asked).toHaveLength(2);
    await survey({ restMs: HOUR });
    expect(venue.asked).toHaveLength(3);
  });

  test('are given up after five failures, each told', async () => {
    venue.failure = new AppError('WICK_ETL_VENUE_HTTP', 'HTTP 500 of "venue.test"');
    for (let attempt = 1; attempt < 5; attempt += 1) {
      expect(await survey({ restMs: 0 })).toMatchObject({ unrepairable: 0, stillMissing: 240 });
    }
    expect(await survey({ restMs: 0 })).toMatchObject({ unrepairable: 240, stillMissing: 0 });
    expect(await ledger()).toMatchObject([
      { cause: 'unrepairable', attempts: 5, empty_answers: 0, detail: 'HTTP 500 of "venue.test"' },
    ]);
    expect(await survey({ restMs: 0 })).toEqual(NOTHING);
    expect(venue.asked).toHaveLength(5);
  });

  test('are not counted as asked for where the venue asks to be left alone', async () => {
    venue.failure = new AppError('WICK_ETL_VENUE_RATE_LIMITED', 'wait');
    await expect(survey()).rejects.toMatchObject({ code: 'WICK_ETL_VENUE_RATE_LIMITED' });
    expect(await ledger()).toMatchObject([{ cause: 'missing', attempts: 0 }]);
  });

  test('that lie beyond the reach of the venue are given up without a question', async () => {
    venue.reachCandles = 24 * 60 + 60 - 480;
    expect(await survey()).toMatchObject({ found: 240, unrepairable: 120, repaired: 120 });
    expect((await ledger()).map((row) => [row['cause'], row['gap_from'], row['gap_to']])).toEqual([
      ['unrepairable', at(360), at(480)],
      ['repaired', at(480), at(600)],
    ]);
  });

  test('that the venue sends damaged are no empty answer', async () => {
    venue.candles = CANDLES.map((candle) =>
      candle.openTime === at(400)
        ? { ...candle, low: decimal('5000'), high: decimal('6000') }
        : candle,
    );
    await survey();
    expect(await survey()).toMatchObject({ stillMissing: 1 });
    expect(await ledger()).toMatchObject([
      { cause: 'repaired' },
      {
        cause: 'missing',
        candles: '1',
        attempts: 2,
        empty_answers: 0,
        detail: expect.stringContaining('ohlc_order'),
      },
      { cause: 'repaired' },
    ]);
  });

  test('that other series miss as well may have been a halt, and the ledger says so', async () => {
    const other = { ...TEST_SERIES, symbol: 'ETH/USDT' };
    await storeCandles(
      database.pool,
      CANDLES.filter((candle) => !isCut(candle)).map((candle) => ({ ...candle, ...other })),
    );
    venue.hides = isCut;
    venue.candles = [...CANDLES, ...CANDLES.map((candle) => ({ ...candle, ...other }))];
    for (const series of [other, TEST_SERIES, other, TEST_SERIES]) await survey({ series });
    const rows = await ledger();
    expect(rows).toMatchObject([{ cause: 'venue_empty' }, { cause: 'venue_empty' }]);
    expect(rows[0]?.['detail']).toBe(
      'answered 2 times without them; missing in 1 other series too: it may have been halted',
    );
  });
});

describe('the window', () => {
  test('is not longer than what was asked for, listed, kept and over', async () => {
    venue.candles = [];
    venue.listedAt = at(100);
    await survey({ askMax: 0 });
    expect(await ledger()).toMatchObject([{ gap_from: at(100), gap_to: END, candles: '1340' }]);
    await survey({ askMax: 0, retentionFloor: at(500) });
    expect(await ledger()).toHaveLength(1);
    await database.pool.query('truncate market.gaps');
    venue.now = at(1000);
    await survey({ askMax: 0, retentionFloor: at(500) });
    // The candle of 998 is over for a minute just now; the running one and the last are not looked at.
    expect(await ledger()).toMatchObject([{ gap_from: at(500), gap_to: at(998) }]);
  });

  test('takes the listing from the catalogue where it is known', async () => {
    venue.candles = [];
    await database.pool.query(
      `insert into market.exchanges (exchange, name) values ('binance-futures', 'x');
       insert into market.symbols
         (exchange, market_type, symbol, venue_symbol, base, quote, status, listed_at, delisted_at)
       values ('binance-futures', 'perp', 'BTC/USDT', 'BTCUSDT', 'BTC', 'USDT', 'trading',
               '2025-06-01T01:00Z', '2025-06-01T02:00Z')`,
    );
    await survey({ askMax: 0 });
    expect(await ledger()).toMatchObject([{ gap_from: at(60), gap_to: at(120) }]);
  });

  test('holds no question larger than what may be asked at once', async () => {
    venue.candles = [];
    await survey({ askMax: 100 });
    expect(venue.asked.map(({ from, to }) => [from, to])).toEqual([[at(1340), at(1440)]]);
    expect((await ledger()).map((row) => [row['gap_from'], row['attempts']])).toEqual([
      [at(0), 0],
      [at(1340), 1],
    ]);
  });
});

test('single holes close together are asked for at once', async () => {
  await storeCandles(
    database.pool,
    CANDLES.filter(({ openTime }) => ![at(10), at(20), at(30), at(900)].includes(openTime)),
  );
  expect(await survey()).toEqual({ ...NOTHING, found: 4, repaired: 4 });
  expect(venue.asked.map(({ from, to }) => [from, to])).toEqual([
    [at(900), at(901)],
    [at(10), at(31)],
  ]);
});

test('a candle that is stored as running though its time is over counts as missing', async () => {
  await storeCandles(
    database.pool,
    CANDLES.map((candle) => (candle.openTime === at(50) ? { ...candle, isClosed: false } : candle)),
  );
  expect(await survey()).toEqual({ ...NOTHING, found: 1, repaired: 1 });
});

test('a survey that finds nothing new writes no WAL', async () => {
  await storeCandles(
    database.pool,
    CANDLES.filter((candle) => !isCut(candle)),
  );
  venue.hides = isCut;
  await survey();
  await survey();
  expect(await ledger()).toMatchObject([{ cause: 'venue_empty' }]);
  const position = async (): Promise<bigint> => {
    const found = await database.pool.query<{ bytes: string }>(
      `select (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint as bytes`,
    );
    return BigInt(found.rows[0]?.bytes ?? '-1');
  };
  // Others write to the same server: noise can only add bytes, never hide them.
  let least = -1n;
  for (let attempt = 0; attempt < 40 && least !== 0n; attempt += 1) {
    const before = await position();
    await survey();
    const bytes = (await position()) - before;
    if (least < 0n || bytes < least) least = bytes;
  }
  expect(least).toBe(0n);
});

test('several surveys of one series at once leave the rows of one', async () => {
  await storeCandles(
    database.pool,
    CANDLES.filter((candle) => !isCut(candle)),
  );
  venue.hides = isCut;
  await Promise.all([1, 2, 3].map(() => survey({ askMax: 0 })));
  expect(await ledger()).toMatchObject([{ gap_from: at(360), gap_to: at(600), candles: '240' }]);
});

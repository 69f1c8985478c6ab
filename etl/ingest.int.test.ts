/** A run from page to table and record, with a scripted venue and a real Postgres. */
import { afterEach, expect, test } from 'vitest';
import type { Candle } from '#core/candle.ts';
import { decimal } from '#core/decimal.ts';
import { AppError } from '#core/errors.ts';
import { epochMs, type EpochMs } from '#core/time.ts';
import { TEST_OPEN_TIME, TEST_SERIES, testCandle, testCandles } from '../tests/support/candles.ts';
import { usePostgres } from '../tests/support/postgres.ts';
import type { CandlePage, CandleRequest, VenueAdapter } from './extract/venue.ts';
import { ingest, type IngestJob, type IngestReport } from './ingest.ts';
import { readWatermark } from './load/read-watermark.ts';

const database = usePostgres();

const END = epochMs(TEST_OPEN_TIME + 86_400_000);
const PAGE_SIZE = 10;

afterEach(async () => {
  await database.pool.query(
    'truncate market.candles, market.raw_payloads, market.quarantine, market.ingest_runs',
  );
});

type Venue = Pick<VenueAdapter, 'id' | 'marketType' | 'fetchCandles'>;

/** Pages of ten out of `candles`; `beforePage` may throw or look on. */
function venue(
  candles: readonly Candle[],
  beforePage: (index: number) => void = () => undefined,
): Venue {
  return {
    id: TEST_SERIES.exchange,
    marketType: TEST_SERIES.marketType,
    async *fetchCandles(request: CandleRequest) {
      const asked = candles.filter(
        ({ openTime }) => openTime >= request.from && openTime < request.to,
      );
      for (let first = 0; first < Math.max(asked.length, 1); first += PAGE_SIZE) {
        beforePage(first / PAGE_SIZE);
        yield await Promise.resolve(page(asked.slice(first, first + PAGE_SIZE), request.from));
      }
    },
  };
}

function page(candles: readonly Candle[], from: EpochMs): CandlePage {
  return {
    series: TEST_SERIES,
    candles: candles.map((candle, index) => ({ candle, index, row: [candle.openTime] })),
    rejects: [],
    raw: {
      url: `https://venue.test/klines?from=${candles[0]?.openTime ?? from}`,
      fetchedAt: END,
      body: JSON.stringify(candles),
    },
    venueNow: END,
    weightUsed: null,
  };
}

function run(adapter: Venue, changes: Partial<IngestJob> = {}): Promise<IngestReport> {
  const { pool } = database;
  const range = { from: TEST_OPEN_TIME, to: END };
  return ingest({ job: 'collect', adapter, pool, series: TEST_SERIES, ...range, ...changes });
}

async function runs(): Promise<Record<string, unknown>[]> {
  const found = await database.pool.query<Record<string, unknown>>(
    'select * from market.ingest_runs order by id',
  );
  return found.rows;
}

async function storedOpenTimes(): Promise<EpochMs[]> {
  const found = await database.pool.query<{ open_time: EpochMs }>(
    'select open_time from market.candles order by open_time',
  );
  return found.rows.map((row) => row.open_time);
}

test('a run stores what it is given and reports what it recorded', async () => {
  const report = await run(venue(testCandles(25)));
  expect(report.counts).toMatchObject({ fetched: 25, inserted: 25, quarantined: 0, raw: 3 });
  expect(report.watermark).toBe(TEST_OPEN_TIME + 25 * 60_000);
  expect(await runs()).toMatchObject([
    {
      id: String(report.runId),
      job: 'collect',
      state: 'done',
      range_from: TEST_OPEN_TIME,
      range_to: END,
      inserted: '25',
      watermark: report.watermark,
    },
  ]);
});

test('the same run again stores nothing new', async () => {
  await run(venue(testCandles(25)));
  const { counts, watermark } = await run(venue(testCandles(25)));
  expect(counts).toMatchObject({ fetched: 25, inserted: 0, unchanged: 25 });
  expect(watermark).toBe(TEST_OPEN_TIME + 25 * 60_000);
});

test('batches are as large as the bound lets them, never split a page, and are told of', async () => {
  const told: number[] = [];
  await run(venue(testCandles(50)), {
    batchRowsMax: 25,
    onProgress: ({ counts }) => told.push(counts.inserted),
  });
  expect(told).toEqual([20, 40, 50]);
});

test('what cannot be true is parked, the rest is stored', async () => {
  const candles = testCandles(3);
  candles[1] = testCandle({
    openTime: epochMs(TEST_OPEN_TIME + 60_000),
    low: decimal('120'),
    high: decimal('130'),
  });
  const { counts, watermark } = await run(venue(candles));
  expect(counts).toMatchObject({ fetched: 3, inserted: 2, quarantined: 1 });
  expect(watermark).toBe(TEST_OPEN_TIME + 180_000);
  const parked = await database.pool.query('select reason, symbol from market.quarantine');
  expect(parked.rows).toEqual([{ reason: 'ohlc_order', symbol: 'BTC/USDT' }]);
});

const priced = (price: string): Partial<Candle> => {
  const value = decimal(price);
  return { open: value, high: value, low: value, close: value };
};

/** Candles of one minute with these prices, from a minute on. */
const walk = (from: number, ...prices: readonly string[]): Candle[] =>
  prices.map((price, index) =>
    testCandle({ openTime: epochMs(TEST_OPEN_TIME + (from + index) * 60_000), ...priced(price) }),
  );

test('a spike at the end of a run is parked, and stored when the next run shows a new level', async () => {
  await run(venue(walk(0, '100', '101')));
  const jump = walk(2, '5000');
  const range = { from: epochMs(TEST_OPEN_TIME + 120_000) };
  expect((await run(venue(jump), range)).counts).toMatchObject({ inserted: 0, quarantined: 1 });
  expect(await readWatermark(database.pool, TEST_SERIES)).toBe(TEST_OPEN_TIME + 120_000);
  const confirmed = [...jump, ...walk(3, '5001')];
  expect((await run(venue(confirmed), range)).counts).toMatchObject({ inserted: 2 });
});

test('a new level that begins with the last candle of a page is confirmed by the next page', async () => {
  const prices = Array.from({ length: 20 }, (_, index) => (index < PAGE_SIZE - 1 ? '100' : '5000'));
  expect((await run(venue(walk(0, ...prices)))).counts).toMatchObject({
    inserted: 20,
    quarantined: 0,
    raw: 2,
  });
});

test('a spike as the last candle of a page is refused by the next page, and stored when it is meant', async () => {
  const prices = Array.from({ length: 20 }, (_, index) => (index === PAGE_SIZE - 1 ? '9' : '100'));
  const candles = walk(0, ...prices);
  expect((await run(venue(candles))).counts).toMatchObject({ inserted: 19, quarantined: 1 });
  expect((await run(venue(candles), { acceptsJumps: true })).counts).toMatchObject({ inserted: 1 });
});

test('a damaged candle at the start of the next page confirms no spike', async () => {
  const prices = Array.from({ length: 20 }, (_, index) => (index === 9 ? '5000' : '100'));
  const candles = walk(0, ...prices);
  candles[10] = { ...candles[10]!, ...priced('5000'), low: decimal('6000') };
  await run(venue(candles));
  const parked = await database.pool.query('select reason from market.quarantine order by id');
  expect(parked.rows).toEqual([{ reason: 'jump' }, { reason: 'ohlc_order' }]);
});

test('a venue that fails midway leaves earlier batches, and the next run goes on from there', async () => {
  const candles = testCandles(35);
  const broken = venue(candles, (index) => {
    if (index === 3) throw new AppError('WICK_ETL_VENUE_HTTP', 'the venue went away');
  });
  await expect(run(broken, { batchRowsMax: PAGE_SIZE })).rejects.toThrow('the venue went away');
  expect(await runs()).toMatchObject([{ state: 'failed', error: 'the venue went away' }]);
  const watermark = await readWatermark(database.pool, TEST_SERIES);
  expect(watermark).toBe(TEST_OPEN_TIME + 20 * 60_000);
  const { counts } = await run(venue(candles), { from: watermark ?? TEST_OPEN_TIME });
  expect(counts).toMatchObject({ fetched: 15, inserted: 15 });
  expect(await storedOpenTimes()).toEqual(candles.map(({ openTime }) => openTime));
});

test('no more than one batch is fetched ahead of what is stored', async () => {
  let stored = 0;
  let aheadMax = 0;
  const watched = venue(testCandles(100), (index) => {
    aheadMax = Math.max(aheadMax, index - stored);
  });
  await run(watched, {
    batchRowsMax: PAGE_SIZE,
    onProgress: () => {
      stored += 1;
    },
  });
  // One being stored, one waiting, and the page that showed the second to be full.
  expect(aheadMax).toBeLessThanOrEqual(3);
});

test('an aborted run stops, says so in its record, and keeps what was stored', async () => {
  const abort = new AbortController();
  const stopped = venue(testCandles(50), (index) => {
    if (index === 3) abort.abort(new Error('told to stop'));
  });
  await expect(run(stopped, { batchRowsMax: PAGE_SIZE, signal: abort.signal })).rejects.toThrow(
    'told to stop',
  );
  expect(await runs()).toMatchObject([{ state: 'failed', error: 'told to stop' }]);
  expect((await storedOpenTimes()).length).toBeGreaterThan(0);
  expect((await storedOpenTimes()).length).toBeLessThan(50);
});

test('a batch that cannot be stored ends the run with the reason', async () => {
  await database.pool.query('alter table market.candles rename to elsewhere');
  try {
    await expect(run(venue(testCandles(30)), { batchRowsMax: PAGE_SIZE })).rejects.toMatchObject({
      code: 'WICK_ETL_LOAD_FAILED',
      retryable: false,
    });
  } finally {
    await database.pool.query('alter table market.elsewhere rename to candles');
  }
  expect(await runs()).toMatchObject([{ state: 'failed', inserted: '0' }]);
});

test('a range without candles is a run that is done', async () => {
  const report = await run(venue([]));
  expect(report).toMatchObject({ watermark: null, counts: { fetched: 0, raw: 1 } });
  expect(await runs()).toMatchObject([{ state: 'done', watermark: null }]);
});

test('a series of another venue is refused before anything is recorded', async () => {
  const series = { ...TEST_SERIES, exchange: 'coinbase' };
  await expect(run(venue([]), { series })).rejects.toMatchObject({ code: 'WICK_ETL_UNSUPPORTED' });
  expect(await runs()).toEqual([]);
});

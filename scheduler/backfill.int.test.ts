/** Backfills from the recorded venue into a real Postgres: whole, stopped in the middle, and again. */
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Series } from '#core/candle.ts';
import { AppError } from '#core/errors.ts';
import { epochMs } from '#core/time.ts';
import { systemClock } from '#platform/clock.ts';
import { createRecordedVenue, type RecordedVenue } from '../local/venues/recorded-venue.ts';
import { usePostgres } from '../tests/support/postgres.ts';
import { createBinanceFutures } from '../etl/extract/binance-futures/rest.ts';
import { ingest, readWatermark, type VenueAdapter } from '../etl/index.ts';
import { prepareBackfill, runBackfill, type PreparedBackfill } from './backfill.ts';

const database = usePostgres();
const BTC = seriesOf('BTC/USDT');
const SOL = seriesOf('SOL/USDT');
let venue: RecordedVenue;
let adapter: VenueAdapter;

function seriesOf(symbol: string): Series {
  return { exchange: 'binance-futures', marketType: 'perp', symbol, interval: '1m' };
}

beforeAll(async () => {
  venue = await createRecordedVenue({ mode: 'once', logger: pino({ level: 'silent' }) });
});
afterAll(() => venue.close());

beforeEach(() => {
  adapter = createBinanceFutures({
    baseUrl: venue.urls['binance-futures'].baseUrl,
    streamUrl: 'ws://127.0.0.1:9/market',
    clock: systemClock,
    attemptsMax: 1,
  });
});
afterEach(async () => {
  adapter.close();
  await database.pool.query(
    `truncate market.candles, market.raw_payloads, market.quarantine, market.ingest_runs,
       market.backfill_chunks, market.anchors`,
  );
});

function prepare(series: readonly Series[], from: number | null = null): Promise<PreparedBackfill> {
  return prepareBackfill({
    series,
    from: from === null ? null : epochMs(from),
    to: null,
    openVenue: () => adapter,
    pool: database.pool,
  });
}

function run(prepared: PreparedBackfill, stop: AbortController, chunks = Infinity) {
  let done = 0;
  return runBackfill({
    prepared,
    pool: database.pool,
    signal: stop.signal,
    onChunk: () => {
      done += 1;
      if (done >= chunks) stop.abort();
    },
  });
}

function recorded(symbol: string) {
  const found = venue.status().series.find((each) => {
    const { exchange, interval } = each;
    return exchange === BTC.exchange && each.symbol === symbol && interval === BTC.interval;
  });
  if (found === undefined) throw new Error(`${symbol} is not recorded`);
  return found;
}

async function stored(): Promise<Record<string, number>> {
  const { rows } = await database.pool.query<{ symbol: string; n: string }>(
    'select symbol, count(*) as n from market.candles where is_closed group by symbol',
  );
  return Object.fromEntries(rows.map(({ symbol, n }) => [symbol, Number(n)]));
}

async function ends(): Promise<{ readonly first: number; readonly last: number }> {
  const { rows } = await database.pool.query<{ first: number; last: number }>(
    'select min(open_time) as first, max(open_time) as last from market.candles',
  );
  const [row] = rows;
  if (row === undefined) throw new Error('nothing is stored');
  return row;
}

async function anchors(): Promise<Record<string, number>> {
  const { rows } = await database.pool.query<{ symbol: string; anchor: number }>(
    'select symbol, anchor from market.anchors',
  );
  return Object.fromEntries(rows.map(({ symbol, anchor }) => [symbol, anchor]));
}

async function insertedInAll(): Promise<number> {
  const { rows } = await database.pool.query<{ n: string }>(
    'select sum(inserted) as n from market.ingest_runs',
  );
  return Number(rows[0]?.n);
}

test('a backfill reads all there is since the listing, and then nothing is left to read', async () => {
  const prepared = await prepare([BTC, { ...SOL, symbol: 'solusdt' }]);
  const { candles, requests } = prepared.plan.estimate;
  expect(candles).toBeGreaterThanOrEqual(
    recorded('BTC/USDT').candles + recorded('SOL/USDT').candles,
  );
  expect(requests).toBeGreaterThan(170);
  const report = await run(prepared, new AbortController());
  const all = {
    'BTC/USDT': recorded('BTC/USDT').candles,
    'SOL/USDT': recorded('SOL/USDT').candles,
  };
  expect(await stored()).toEqual(all);
  expect(report).toMatchObject({
    chunksDone: prepared.plan.chunks.length,
    chunksLeft: 0,
    inserted: all['BTC/USDT'] + all['SOL/USDT'],
    unchanged: 0,
    failures: [],
  });
  const again = await prepare([BTC, SOL]);
  expect([again.plan.chunks, again.plan.skipped]).toEqual([[], prepared.plan.chunks.length]);
});

test('one that is stopped goes on where it ended, and nothing is written twice', async () => {
  const first = await run(await prepare([BTC]), new AbortController(), 2);
  expect(first.chunksDone).toBeGreaterThanOrEqual(2);
  expect(first.chunksLeft).toBeGreaterThan(0);
  const rest = await prepare([BTC]);
  expect(rest.plan.chunks).toHaveLength(first.chunksLeft);
  await run(rest, new AbortController());
  expect(await stored()).toEqual({ 'BTC/USDT': recorded('BTC/USDT').candles });
  expect(await insertedInAll()).toBe(recorded('BTC/USDT').candles);
});

test('under a live series the anchor stays until all of the history is stored, and moves once', async () => {
  await run(await prepare([BTC]), new AbortController());
  const { first: opening, last } = await ends();
  await database.pool.query(
    'truncate market.candles, market.ingest_runs, market.backfill_chunks, market.anchors cascade',
  );
  const live = epochMs(last - 60_000);
  await ingest({
    job: 'collect',
    adapter,
    pool: database.pool,
    series: BTC,
    from: live,
    to: epochMs(last + 60_000),
  });
  expect(await anchors()).toEqual({ 'BTC/USDT': live });
  const first = await run(await prepare([BTC]), new AbortController(), 2);
  expect([first.anchorsMoved, await anchors()]).toEqual([0, { 'BTC/USDT': live }]);
  // Killed after the last chunk and before the move, as it were.
  const rest = await run(await prepare([BTC]), new AbortController());
  expect([rest.chunksLeft, rest.anchorsMoved]).toEqual([0, 1]);
  expect(await anchors()).toEqual({ 'BTC/USDT': opening });
  await database.pool.query('update market.anchors set anchor = $1', [new Date(live)]);
  const again = await run(await prepare([BTC]), new AbortController());
  expect([again.chunksDone, again.anchorsMoved]).toEqual([0, 1]);
  expect(await anchors()).toEqual({ 'BTC/USDT': opening });
});

test('a chunk that died half-way is read again, and its run is closed', async () => {
  await database.pool.query(
    `insert into market.ingest_runs (job, exchange, market_type, symbol, interval, range_from, range_to)
     values ('backfill:binance-futures|perp|BTC/USDT|1m', 'binance-futures', 'perp', 'BTC/USDT', '1m', now(), now())`,
  );
  await run(await prepare([BTC]), new AbortController());
  const { rows } = await database.pool.query(
    `select state, count(*)::integer as n from market.ingest_runs group by 1 order by 1`,
  );
  expect(rows).toMatchObject([{ state: 'done' }, { state: 'failed', n: 1 }]);
});

test('candles that were lost are read again although their range was marked', async () => {
  await run(await prepare([BTC]), new AbortController());
  const { to } = recorded('BTC/USDT');
  await database.pool.query('delete from market.candles where open_time = $1::timestamptz', [
    new Date(to - 60_000).toISOString(),
  ]);
  const rest = await prepare([BTC]);
  expect(rest.plan.chunks).toHaveLength(1);
  const report = await run(rest, new AbortController());
  expect(report).toMatchObject({ inserted: 1, failures: [] });
  expect(await stored()).toEqual({ 'BTC/USDT': recorded('BTC/USDT').candles });
});

test('a series that fails is left for this time, and the other goes on', async () => {
  const prepared = await prepare([BTC, SOL]);
  const whole = adapter;
  const broken: VenueAdapter = {
    ...adapter,
    fetchCandles: (request) => {
      if (request.symbol === 'SOL/USDT') throw new Error('503 from the venue');
      return whole.fetchCandles(request);
    },
  };
  const venues = new Map([
    ['binance-futures', { adapter: broken, now: epochMs(venue.status().now) }],
  ]);
  const report = await run({ ...prepared, venues }, new AbortController());
  expect(await stored()).toEqual({ 'BTC/USDT': recorded('BTC/USDT').candles });
  expect(report.failures).toEqual([
    {
      series: 'binance-futures|perp|SOL/USDT|1m',
      error: expect.stringMatching(/^2025-05-\d\dT.*503 from the venue$/),
    },
  ]);
  expect(report.chunksLeft).toBe((await prepare([BTC, SOL])).plan.chunks.length);
});

test('a backfill does not say how far a series was collected', async () => {
  const { to } = recorded('BTC/USDT');
  await run(await prepare([BTC], to - 600_000), new AbortController());
  expect(await stored()).toEqual({ 'BTC/USDT': 10 });
  expect(await readWatermark(database.pool, BTC)).toBeNull();
});

test('what the venue does not have is refused with what it has, and the rest is planned', async () => {
  const { plan, refused, away } = await prepare([seriesOf('DOGE/USDT'), BTC]);
  expect(refused).toMatchObject([
    {
      what: 'binance-futures|perp|DOGE/USDT|1m',
      error: { code: 'WICK_ETL_UNSUPPORTED', message: expect.stringContaining('BTC/USDT') },
    },
  ]);
  expect(away).toEqual([]);
  expect(new Set(plan.chunks.map(({ series }) => series.symbol))).toEqual(new Set(['BTC/USDT']));
});

test('a venue that is down keeps no other one from being planned and read', async () => {
  const down = new AppError('WICK_ETL_VENUE_DOWN', 'coinbase is down', { retryable: true });
  const other = { ...SOL, exchange: 'coinbase', marketType: 'spot' as const, symbol: 'BTC/USD' };
  const prepared = await prepareBackfill({
    series: [other, BTC],
    from: epochMs(recorded('BTC/USDT').to - 600_000),
    to: null,
    openVenue: (exchange) =>
      exchange === 'coinbase'
        ? { ...adapter, id: 'coinbase', fetchServerTime: () => Promise.reject(down) }
        : adapter,
    pool: database.pool,
  });
  expect(prepared.away).toEqual([{ what: 'coinbase', error: down }]);
  expect(await run(prepared, new AbortController())).toMatchObject({ inserted: 10, failures: [] });
});

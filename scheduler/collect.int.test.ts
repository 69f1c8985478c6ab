/** Ticks of the collect job, with a scripted venue and a real Postgres. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { seriesKey, type Candle, type Series } from '#core/candle.ts';
import { decimal } from '#core/decimal.ts';
import { epochMs, type EpochMs } from '#core/time.ts';
import { TEST_OPEN_TIME, TEST_SERIES, testCandle } from '../tests/support/candles.ts';
import { usePostgres } from '../tests/support/postgres.ts';
import { recordLogger, type RecordedLogger } from '../tests/support/recorded-logger.ts';
import { collect, type CollectOptions } from './collect.ts';
import { QuietSeries } from './quiet-series.ts';
import { REREADS_MAX, Rereads } from './rereads.ts';
import { Watermarks } from './watermarks.ts';

const MINUTE_MS = 60_000;
const BTC = TEST_SERIES;
const ETH: Series = { ...TEST_SERIES, symbol: 'ETH/USDT' };

const database = usePostgres();
let log: RecordedLogger;

beforeEach(() => {
  log = recordLogger();
});

afterEach(() =>
  database.pool.query(
    'truncate market.candles, market.raw_payloads, market.quarantine, market.ingest_runs, market.anchors',
  ),
);

/** What the venue has, and what it was asked. */
interface Venue {
  now: EpochMs;
  /** Minutes since the start that each symbol has candles for: from 0 up to and without this one. */
  readonly minutes: Record<string, number>;
  readonly asked: { symbol: string; from: number; to: number }[];
  /** What the venue says today of candles that it told otherwise before, by open time. */
  readonly corrections: Map<number, Partial<Candle>>;
  failing: string | null;
}

function minute(count: number): EpochMs {
  return epochMs(TEST_OPEN_TIME + count * MINUTE_MS);
}

function candlesOf(venue: Venue, symbol: string): Candle[] {
  return Array.from({ length: venue.minutes[symbol] ?? 0 }, (_, index) =>
    testCandle({
      symbol,
      openTime: minute(index),
      volume: decimal(String(index)),
      ...venue.corrections.get(minute(index)),
    }),
  );
}

function adapterOf(venue: Venue): CollectOptions['adapter'] {
  return {
    id: BTC.exchange,
    marketType: BTC.marketType,
    fetchServerTime: () => Promise.resolve(venue.now),
    async *fetchCandles({ symbol, from, to }) {
      venue.asked.push({ symbol, from, to });
      if (venue.failing === symbol) throw new Error('503 from the venue');
      const candles = candlesOf(venue, symbol).filter(
        ({ openTime }) => openTime >= from && openTime < to && openTime + MINUTE_MS <= venue.now,
      );
      yield await Promise.resolve({
        series: { ...BTC, symbol },
        candles: candles.map((candle, index) => ({ candle, index, row: [candle.openTime] })),
        rejects: [],
        raw: {
          url: `https://venue.test/klines?symbol=${symbol}&from=${from}`,
          fetchedAt: venue.now,
          body: JSON.stringify(candles),
        },
        venueNow: venue.now,
        weightUsed: null,
      });
    },
  };
}

/** A scheduler's memory over several ticks. */
function scheduler(venue: Venue, changes: Partial<CollectOptions> = {}): CollectOptions {
  const cached = new Map<string, string>();
  const { logger } = log;
  return {
    job: 'collect',
    adapter: adapterOf(venue),
    pool: database.pool,
    series: [BTC, ETH],
    watermarks: new Watermarks(
      database.pool,
      { get: async (key) => cached.get(key) ?? null, set: async (key, v) => cached.set(key, v) },
      logger,
    ),
    quiet: new QuietSeries(),
    rereads: new Rereads(),
    historyDays: 7,
    logger,
    signal: new AbortController().signal,
    ...changes,
  };
}

function venueWith(minutes: Record<string, number>, now: EpochMs): Venue {
  return { now, minutes, asked: [], corrections: new Map(), failing: null };
}

async function stored(): Promise<Record<string, number>> {
  const { rows } = await database.pool.query<{ symbol: string; n: string }>(
    'select symbol, count(*) as n from market.candles group by symbol',
  );
  return Object.fromEntries(rows.map(({ symbol, n }) => [symbol, Number(n)]));
}

/** Every row that a collection may write, with the transaction that wrote it. */
async function everythingStored(): Promise<unknown[]> {
  const { rows } = await database.pool.query<{ row: string }>(
    `select c.xmin || ' ' || c::text as row from market.candles as c
     union all select r.xmin || ' ' || r::text from market.ingest_runs as r
     union all select p.xmin || ' ' || p.id from market.raw_payloads as p
     order by 1`,
  );
  return rows;
}

/** Minutes since the start of the candles that were revised, with volume and revision. */
async function revised(): Promise<unknown[]> {
  const { rows } = await database.pool.query<{ open_time: EpochMs; text: string }>(
    `select open_time, symbol || ' ' || trim_scale(volume) || ' revision ' || revision as text
     from market.candles where revision > 0 order by symbol, open_time`,
  );
  return rows.map(({ open_time: time, text }) => [(time - TEST_OPEN_TIME) / MINUTE_MS, text]);
}

async function runCount(): Promise<number> {
  const { rows } = await database.pool.query('select id from market.ingest_runs');
  return rows.length;
}

test('a first tick reaches back as far as it is told and collects every series', async () => {
  const venue = venueWith({ 'BTC/USDT': 3, 'ETH/USDT': 2 }, minute(3));
  const report = await collect(scheduler(venue, { historyDays: 2 }));
  expect(report).toEqual({ collected: 2, failed: 0, candles: 5 });
  expect(await stored()).toEqual({ 'BTC/USDT': 3, 'ETH/USDT': 2 });
  const range = { from: minute(3) - 2 * 86_400_000, to: minute(3) };
  expect(venue.asked).toHaveLength(2);
  expect(venue.asked).toContainEqual({ symbol: 'BTC/USDT', ...range });
  expect(venue.asked).toContainEqual({ symbol: 'ETH/USDT', ...range });
});

test('a tick before the next candle can have closed reads the newest again and writes nothing', async () => {
  const venue = venueWith({ 'BTC/USDT': 5, 'ETH/USDT': 5 }, minute(5));
  const options = scheduler(venue);
  await collect(options);
  const before = await everythingStored();
  venue.now = epochMs(minute(6) - 1);
  expect(await collect(options)).toEqual({ collected: 0, failed: 0, candles: 0 });
  // Both are asked at the same time, in no order.
  const asked = venue.asked.slice(2).toSorted((a, b) => a.symbol.localeCompare(b.symbol));
  expect(asked).toEqual([
    { symbol: 'BTC/USDT', from: minute(2), to: venue.now },
    { symbol: 'ETH/USDT', from: minute(2), to: venue.now },
  ]);
  expect(await everythingStored()).toEqual(before);
});

test('what ticks missed is caught up by the next one, from where the last one ended', async () => {
  const venue = venueWith({ 'BTC/USDT': 2, 'ETH/USDT': 2 }, minute(2));
  const options = scheduler(venue);
  await collect(options);
  Object.assign(venue.minutes, { 'BTC/USDT': 50, 'ETH/USDT': 50 });
  venue.now = minute(50);
  expect(await collect(options)).toEqual({ collected: 2, failed: 0, candles: 96 });
  // With the candles that are read again.
  expect(venue.asked.at(-1)).toMatchObject({ from: minute(0), to: minute(50) });
});

test('a new process goes on from the watermark', async () => {
  const venue = venueWith({ 'BTC/USDT': 2, 'ETH/USDT': 2 }, minute(2));
  await collect(scheduler(venue));
  Object.assign(venue.minutes, { 'BTC/USDT': 3, 'ETH/USDT': 3 });
  venue.now = minute(3);
  expect(await collect(scheduler(venue))).toEqual({ collected: 2, failed: 0, candles: 2 });
});

test('history that was stored without the move of its anchor counts from the next tick on', async () => {
  const venue = venueWith({ 'BTC/USDT': 5, 'ETH/USDT': 5 }, minute(5));
  await collect(scheduler(venue));
  // As a process leaves it that streamed first, collected its history, and was killed then.
  await database.pool.query(`update market.anchors set anchor = $1`, [new Date(minute(4))]);
  Object.assign(venue.minutes, { 'BTC/USDT': 6, 'ETH/USDT': 6 });
  venue.now = minute(6);
  await collect(scheduler(venue));
  const { rows } = await database.pool.query('select distinct anchor from market.anchors');
  expect(rows).toEqual([{ anchor: minute(0) }]);
});

test('a failing series is named and does not keep the others from being collected', async () => {
  const venue = venueWith({ 'BTC/USDT': 2, 'ETH/USDT': 2 }, minute(2));
  venue.failing = 'BTC/USDT';
  const options = scheduler(venue);
  expect(await collect(options)).toEqual({ collected: 1, failed: 1, candles: 2 });
  expect(log.lines).toMatchObject([
    { level: 'warn', msg: 'not collected', series: seriesKey(BTC), err: '503 from the venue' },
  ]);
  venue.failing = null;
  expect(await collect(options)).toEqual({ collected: 1, failed: 0, candles: 2 });
});

test('a series that ended is asked less and less often, and each asking is one run', async () => {
  const venue = venueWith({ 'BTC/USDT': 2, 'ETH/USDT': 0 }, minute(2));
  const options = scheduler(venue, { series: [BTC] });
  const askedInTick: number[] = [];
  for (let tick = 1; tick <= 20; tick += 1) {
    const before = venue.asked.length;
    await collect(options);
    if (venue.asked.length > before) askedInTick.push(tick);
    venue.now = epochMs(venue.now + MINUTE_MS);
  }
  // Tick 1 brings candles, tick 2 is the first without.
  expect(askedInTick).toEqual([1, 2, 3, 5, 9, 17]);
  expect(await runCount()).toBe(6);
});

test('a series that goes on after a rest is collected whole and asked in every tick again', async () => {
  const venue = venueWith({ 'BTC/USDT': 2 }, minute(2));
  const options = scheduler(venue, { series: [BTC] });
  const candles: number[] = [];
  for (let tick = 1; tick <= 11; tick += 1) {
    if (tick > 5) venue.minutes['BTC/USDT'] = tick + 1;
    venue.now = minute(tick + 1);
    candles.push((await collect(options)).candles);
  }
  expect(candles).toEqual([2, 0, 0, 0, 0, 0, 0, 0, 8, 1, 1]);
});

test('an aborted tick starts no further series', async () => {
  const venue = venueWith({ 'BTC/USDT': 2, 'ETH/USDT': 2 }, minute(2));
  const report = await collect(scheduler(venue, { signal: AbortSignal.abort() }));
  expect(report).toEqual({ collected: 0, failed: 0, candles: 0 });
  expect(venue.asked).toEqual([]);
});

test.each([
  ['no further one has closed', 0],
  ['further ones have closed', 2],
])('a correction of the newest candles is stored by the next tick: %s', async (_, further) => {
  const venue = venueWith({ 'BTC/USDT': 10, 'ETH/USDT': 10 }, minute(10));
  const options = scheduler(venue, { series: [BTC] });
  await collect(options);
  // The oldest of the three that are read again, and the one before it.
  venue.corrections.set(minute(7), { volume: decimal('70.5') });
  venue.corrections.set(minute(6), { volume: decimal('60.5') });
  venue.minutes['BTC/USDT'] = 10 + further;
  venue.now = minute(10 + further);
  expect(await collect(options)).toEqual({ collected: 1, failed: 0, candles: 1 + further });
  expect(await revised()).toEqual([[7, 'BTC/USDT 70.5 revision 1']]);
  // And it is stored once.
  const before = await everythingStored();
  await collect(options);
  expect(await everythingStored()).toEqual(before);
});

test('a series with nothing new is read again a few times after its last candle, then no more', async () => {
  const venue = venueWith({ 'BTC/USDT': 5 }, minute(5));
  const options = scheduler(venue, { series: [BTC] });
  const askedInTick: number[] = [];
  for (let tick = 1; tick <= 60; tick += 1) {
    if (tick === 31) {
      venue.minutes['BTC/USDT'] = 6;
      venue.now = minute(6);
    }
    const before = venue.asked.length;
    await collect(options);
    if (venue.asked.length > before) askedInTick.push(tick);
  }
  expect(askedInTick).toEqual([1, 2, 4, 8, 31, 32, 34, 38]);
  expect(askedInTick).toHaveLength(2 * (1 + REREADS_MAX));
  expect(await runCount()).toBe(2);
});

test('a series with fewer candles than are read again is not read before its first one', async () => {
  const venue = venueWith({ 'BTC/USDT': 5 }, minute(5));
  const options = scheduler(venue, { series: [BTC] });
  await collect(options);
  // As if it had been collected from minute 3 on.
  await database.pool.query('delete from market.candles where open_time < $1::timestamptz', [
    new Date(minute(3)).toISOString(),
  ]);
  venue.minutes['BTC/USDT'] = 6;
  venue.now = minute(6);
  expect(await collect(options)).toEqual({ collected: 1, failed: 0, candles: 1 });
  expect(venue.asked.at(-1)).toMatchObject({ from: minute(3) });
  expect(await stored()).toEqual({ 'BTC/USDT': 3 });
});

test('a cache that remembers more than a restored Postgres leaves no hole behind a correction', async () => {
  const venue = venueWith({ 'BTC/USDT': 10 }, minute(10));
  const options = scheduler(venue, { series: [BTC] });
  await collect(options);
  const from = [new Date(minute(5)).toISOString()];
  await database.pool.query('delete from market.candles where open_time >= $1::timestamptz', from);
  await database.pool.query('update market.ingest_runs set watermark = $1::timestamptz', from);
  venue.corrections.set(minute(4), { volume: decimal('40.5') });
  await collect(options);
  expect(await stored()).toEqual({ 'BTC/USDT': 10 });
  expect(await revised()).toEqual([[4, 'BTC/USDT 40.5 revision 1']]);
});

test('a candle that cannot be true is no correction, and a run parks it once the next is due', async () => {
  const venue = venueWith({ 'BTC/USDT': 4 }, minute(4));
  const options = scheduler(venue, { series: [BTC] });
  await collect(options);
  venue.corrections.set(minute(3), { low: decimal('500') });
  expect(await collect(options)).toMatchObject({ collected: 0, failed: 0 });
  expect(await runCount()).toBe(1);
  venue.minutes['BTC/USDT'] = 5;
  venue.now = minute(5);
  expect(await collect(options)).toMatchObject({ collected: 1, candles: 1 });
  const { rows } = await database.pool.query('select reason from market.quarantine');
  expect(rows).toEqual([{ reason: 'ohlc_order' }]);
  expect(log.lines).toMatchObject([{ level: 'warn', msg: 'rows refused and kept aside' }]);
});

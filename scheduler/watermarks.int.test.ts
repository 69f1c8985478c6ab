/** Postgres decides, the cache only saves asking: every way a cache can be away, old or wrong. */
import { afterEach, expect, test } from 'vitest';
import { seriesKey } from '#core/candle.ts';
import { REDIS_KEYS } from '#core/contracts/names.ts';
import { epochMs } from '#core/time.ts';
import { TEST_OPEN_TIME, TEST_SERIES } from '../tests/support/candles.ts';
import { usePostgres } from '../tests/support/postgres.ts';
import { recordLogger } from '../tests/support/recorded-logger.ts';
import { Watermarks, type WatermarkCache } from './watermarks.ts';

const database = usePostgres();
const KEY = REDIS_KEYS.watermark(seriesKey(TEST_SERIES));
const LATER = epochMs(TEST_OPEN_TIME + 60_000);

afterEach(() => database.pool.query('truncate market.ingest_runs, market.quarantine'));

function memoryCache(entries: readonly (readonly [string, string])[] = []) {
  const values = new Map(entries);
  const cache: WatermarkCache = {
    get: async (key) => values.get(key) ?? null,
    set: async (key, value) => values.set(key, value),
  };
  return { values, cache };
}

const AWAY: WatermarkCache = {
  get: () => Promise.reject(new Error('redis is away')),
  set: () => Promise.reject(new Error('redis is away')),
};

async function storeWatermark(watermark: number, job = 'collect'): Promise<void> {
  await database.pool.query(
    `insert into market.ingest_runs (job, exchange, market_type, symbol, interval, state,
       finished_at, range_from, range_to, watermark)
     values ($6, $1, $2, $3, $4, 'done', now(), $5, $5, $5)`,
    [...Object.values(TEST_SERIES), new Date(watermark).toISOString(), job],
  );
}

function watermarks(cache: WatermarkCache): Watermarks {
  return new Watermarks(database.pool, cache, recordLogger().logger);
}

test('a series never collected has none, and that is not cached', async () => {
  const { cache, values } = memoryCache();
  expect(await watermarks(cache).read(TEST_SERIES)).toBeNull();
  expect(values.size).toBe(0);
});

test('the newest stored one is read, and cached', async () => {
  await storeWatermark(LATER);
  await storeWatermark(TEST_OPEN_TIME);
  const { cache, values } = memoryCache();
  expect(await watermarks(cache).read(TEST_SERIES)).toBe(LATER);
  expect([...values]).toEqual([[KEY, String(LATER)]]);
});

test('a run that leapt does not count, however new its candles are', async () => {
  await storeWatermark(TEST_OPEN_TIME);
  const leaps = ['run:binance-futures|perp|BTC/USDT|1m', 'backfill:x', 'gap-repair'];
  for (const job of leaps) await storeWatermark(LATER, job);
  expect(await watermarks(AWAY).read(TEST_SERIES)).toBe(TEST_OPEN_TIME);
  await storeWatermark(LATER, 'collect:another-name');
  expect(await watermarks(AWAY).read(TEST_SERIES)).toBe(LATER);
});

test('a cached one saves asking whether anything is due', async () => {
  const { cache } = memoryCache([[KEY, String(LATER)]]);
  expect(await watermarks(cache).cached(TEST_SERIES)).toBe(LATER);
});

test('a cache that remembers more than a restored Postgres does not say where to go on', async () => {
  await storeWatermark(TEST_OPEN_TIME);
  const { cache, values } = memoryCache([[KEY, String(LATER)]]);
  expect(await watermarks(cache).read(TEST_SERIES)).toBe(TEST_OPEN_TIME);
  expect(values.get(KEY)).toBe(String(TEST_OPEN_TIME));
});

test('a series reads only its own', async () => {
  await storeWatermark(LATER);
  const { cache } = memoryCache();
  const other = { ...TEST_SERIES, interval: '5m' } as const;
  expect(await watermarks(cache).read(other)).toBeNull();
});

test('without a cache the stored one is read and nothing fails', async () => {
  await storeWatermark(LATER);
  const subject = watermarks(AWAY);
  expect(await subject.read(TEST_SERIES)).toBe(LATER);
  expect(await subject.cached(TEST_SERIES)).toBeNull();
  await expect(subject.cache(TEST_SERIES, LATER)).resolves.toBeUndefined();
});

test.each(['', 'soon', '12', 'NaN', '-1'])(
  'a cached "%s" is not a time: ask again',
  async (text) => {
    const { cache } = memoryCache([[KEY, text]]);
    expect(await watermarks(cache).cached(TEST_SERIES)).toBeNull();
  },
);

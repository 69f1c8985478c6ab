/** Latest values on a real Redis: what readers find there, and that a Redis that is away is only said. */
import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { REDIS_KEYS } from '#core/contracts/names.ts';
import { epochMs, type EpochMs } from '#core/time.ts';
import { createRedis, type Redis } from '#platform/redis.ts';
import { CandleStream } from '../../tests/support/candle-stream.ts';
import { startEngines } from '../../tests/support/engines.ts';
import { recordLogger, type RecordedLogger } from '../../tests/support/recorded-logger.ts';
import type { CandleEvaluation } from '../evaluation.ts';
import { candleAfter } from '../historic-candle.ts';
import { type NewestCandle } from '../series-state.ts';
import { LatestCache, type LatestCacheOptions, type LatestValues } from './cache-latest.ts';

/** Redis is shared by all tests of a run. */
const KEY = `binance-futures|perp|LATEST-${randomBytes(6).toString('hex')}/USDT|1m`;
const [CHANGE] = new CandleStream(1).changes;
const NAMES = ['sma_20', 'rsi_14', 'obv_session'];
const EVALUATION: CandleEvaluation = {
  status: 'active',
  vector: Float64Array.of(101.25, NaN, -0),
  signal: {
    decision: 'Short',
    ruleScore: { long: 0.25, short: 0.75 },
    mlProb: null,
    finalScore: { long: 0.25, short: 0.75 },
    scoreBasis: 'rules',
  },
  fired: ['trend_down'],
};

let redis: Redis;
let log: RecordedLogger;
let cache: LatestCache;

beforeAll(async () => {
  const { config } = await startEngines(['redis']);
  redis = createRedis(config, () => undefined);
  await redis.connect();
});

afterAll(async () => {
  redis.disconnect();
});

afterEach(() => redis.del(REDIS_KEYS.latest(KEY)));

beforeEach(() => {
  log = recordLogger();
  cache = cacheOn(redis);
});

function cacheOn(
  client: Redis,
  readNewest: LatestCacheOptions['readNewest'] = nothing,
): LatestCache {
  return new LatestCache({ redis: client, logger: log.logger, featureNames: NAMES, readNewest });
}

async function nothing(): Promise<ReadonlyMap<string, null>> {
  return Promise.resolve(new Map());
}

const at = (minute: number): EpochMs => epochMs(CHANGE!.openTime + minute * 60_000);

/** The closed candle of a minute. */
function newest(minute = 0, evaluation: CandleEvaluation | null = EVALUATION): NewestCandle {
  const candle = candleAfter({ ...CHANGE!, openTime: at(minute) }, CHANGE!.values!);
  const { openTime, version } = candle;
  const row = {
    openTime,
    candleVersion: version,
    version: 7n,
    evaluation,
    candle,
    before: null,
  };
  return { candle, row };
}

const closed = (minute: number): LatestValues => ({ closed: cache.closed(newest(minute)) });
const open = (minute: number): LatestValues => ({
  open: cache.open({ ...CHANGE!, openTime: at(minute) }),
});

async function stored(field: string): Promise<unknown> {
  return JSON.parse((await redis.hget(REDIS_KEYS.latest(KEY), field)) ?? 'null');
}

/** The minutes of what readers find. */
async function shown(): Promise<Record<string, number>> {
  const fields = await redis.hgetall(REDIS_KEYS.latest(KEY));
  const minuteOf = (text: string): number =>
    (Number(/"openTime":(\d+)/.exec(text)?.[1]) - at(0)) / 60_000;
  return Object.fromEntries(Object.entries(fields).map(([part, text]) => [part, minuteOf(text)]));
}

async function write(...steps: readonly LatestValues[]): Promise<void> {
  for (const step of steps) await cache.write(new Map([[KEY, step]]));
}

test('a closed candle is there with its features by name, its signal and exact prices', async () => {
  await write({ closed: cache.closed(newest()) });
  expect(await stored('closed')).toEqual({
    openTime: CHANGE?.openTime,
    candle: CHANGE?.values,
    features: { sma_20: 101.25, rsi_14: null, obv_session: 0 },
    status: 'active',
    signal: EVALUATION.signal,
    fired: ['trend_down'],
    version: String(CHANGE?.version),
  });
  expect(log.lines).toEqual([]);
});

test('a running candle moves without the closed one', async () => {
  const later = { ...CHANGE!, openTime: at(1), version: 2n ** 100n };
  await write(closed(0), { open: cache.open(later) });
  expect(await stored('open')).toEqual({
    openTime: at(1),
    candle: CHANGE?.values,
    version: String(2n ** 100n),
  });
  expect(await stored('closed')).toMatchObject({ version: String(CHANGE?.version) });
});

test('without an evaluation there are no values', async () => {
  await write({ closed: cache.closed(newest(0, null)) });
  expect(await stored('closed')).toMatchObject({
    features: { sma_20: null, rsi_14: null, obv_session: null },
    status: null,
    signal: null,
    fired: [],
  });
});

test.each([
  ['goes when it closes', () => [open(5), closed(5)], { closed: 5 }],
  ['goes when a later one has closed', () => [open(5), closed(6)], { closed: 6 }],
  ['stays when the one before closes', () => [open(5), closed(4)], { open: 5, closed: 4 }],
  [
    'goes when it closes in the step that told it',
    () => [{ ...open(5), ...closed(5) }],
    { closed: 5 },
  ],
  ['goes when it is deleted', () => [closed(4), open(5), { deletedAt: at(5) }], { closed: 4 }],
  [
    'stays when another is deleted',
    () => [closed(4), open(5), { deletedAt: at(3) }],
    { open: 5, closed: 4 },
  ],
  ['outlives the last closed one', () => [closed(4), open(5), { closed: null }], { open: 5 }],
])('a running candle %s', async (_, steps, expected) => {
  await write(...steps());
  expect(await shown()).toEqual(expected);
  expect(log.lines).toEqual([]);
});

test('a series without any candle leaves nothing behind', async () => {
  await write(closed(4), open(5), { closed: null, deletedAt: at(5) });
  expect(await redis.exists(REDIS_KEYS.latest(KEY))).toBe(0);
});

describe('what the stores hold', () => {
  const asked: (readonly number[])[] = [];
  const reading = (found: NewestCandle | null) => async (partitions: readonly number[]) => {
    asked.push(partitions);
    return Promise.resolve(new Map([[KEY, found]]));
  };

  test('is shown whatever Redis has', async () => {
    await write(closed(9), open(10));
    await cacheOn(redis, reading(newest(12))).show([3, 4]);
    expect(await shown()).toEqual({ closed: 12 });
    expect(asked).toEqual([[3, 4]]);
  });

  test('is shown once Redis has lost everything', async () => {
    await cacheOn(redis, reading(newest(12))).show([3]);
    expect(await shown()).toEqual({ closed: 12 });
  });

  test('being nothing, nothing is shown', async () => {
    await write(closed(9));
    await cacheOn(redis, reading(null)).show([3]);
    expect(await shown()).toEqual({});
  });

  test('is not asked for without partitions', async () => {
    asked.length = 0;
    await cacheOn(redis, reading(newest(12))).show([]);
    expect(asked).toEqual([]);
  });

  test('being out of reach is said, and what Redis has stays', async () => {
    await write(closed(9));
    await cacheOn(redis, () => Promise.reject(new Error('away'))).show([3]);
    expect(await shown()).toEqual({ closed: 9 });
    expect(log.lines).toMatchObject([
      { level: 'warn', msg: 'latest values not read', err: 'away' },
    ]);
  });
});

test('nothing to write asks nothing of Redis', async () => {
  const away = redis.duplicate();
  away.disconnect();
  await cacheOn(away).write(new Map());
  expect(log.lines).toEqual([]);
});

test('a Redis that is away or refuses is said, and nothing else happens', async () => {
  const away = redis.duplicate();
  away.disconnect();
  await cacheOn(away).write(new Map([[KEY, open(1)]]));
  await redis.set(REDIS_KEYS.latest(KEY), 'a text');
  await write(open(1));
  const line = { level: 'warn', msg: 'latest values not cached' };
  expect(log.lines).toMatchObject([line, { ...line, err: expect.stringContaining('WRONGTYPE') }]);
});

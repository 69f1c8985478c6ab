/** Latest values on a real Redis: what readers find there, and that a Redis that is away is only said. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { REDIS_KEYS } from '#core/contracts/names.ts';
import { createRedis, type Redis } from '#platform/redis.ts';
import { CandleStream } from '../../tests/support/candle-stream.ts';
import { startEngines } from '../../tests/support/engines.ts';
import { recordLogger, type RecordedLogger } from '../../tests/support/recorded-logger.ts';
import type { CandleEvaluation } from '../evaluation.ts';
import { candleAfter } from '../series-state.ts';
import { LatestCache } from './cache-latest.ts';

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
  await redis.del(REDIS_KEYS.latest(KEY));
  redis.disconnect();
});

beforeEach(() => {
  log = recordLogger();
  cache = new LatestCache(redis, log.logger, NAMES);
});

function closedText(evaluation: CandleEvaluation | null = EVALUATION): string {
  const candle = candleAfter(CHANGE!, CHANGE!.values!);
  const { openTime, version } = candle;
  return cache.closedText(candle, { openTime, candleVersion: 7n, version, evaluation });
}

async function stored(field: string): Promise<unknown> {
  return JSON.parse((await redis.hget(REDIS_KEYS.latest(KEY), field)) ?? 'null');
}

test('a closed candle is there with its features by name, its signal and exact prices', async () => {
  await cache.write(new Map([[KEY, { closed: closedText() }]]));
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
  const open = cache.openText({ ...CHANGE!, version: 2n ** 100n });
  await cache.write(new Map([[KEY, { closed: closedText() }]]));
  await cache.write(new Map([[KEY, { open }]]));
  expect(await stored('open')).toEqual({
    openTime: CHANGE?.openTime,
    candle: CHANGE?.values,
    version: String(2n ** 100n),
  });
  expect(await stored('closed')).toMatchObject({ version: String(CHANGE?.version) });
});

test('without an evaluation there are no values', async () => {
  await cache.write(new Map([[KEY, { closed: closedText(null) }]]));
  expect(await stored('closed')).toMatchObject({
    features: { sma_20: null, rsi_14: null, obv_session: null },
    status: null,
    signal: null,
    fired: [],
  });
});

test('nothing to write asks nothing of Redis', async () => {
  const away = redis.duplicate();
  away.disconnect();
  await new LatestCache(away, log.logger, NAMES).write(new Map());
  expect(log.lines).toEqual([]);
});

test('a Redis that is away or refuses is said, and nothing else happens', async () => {
  const away = redis.duplicate();
  away.disconnect();
  await new LatestCache(away, log.logger, NAMES).write(new Map([[KEY, { open: '{}' }]]));
  await redis.del(REDIS_KEYS.latest(KEY));
  await redis.set(REDIS_KEYS.latest(KEY), 'a text');
  await cache.write(new Map([[KEY, { open: '{}' }]]));
  await redis.del(REDIS_KEYS.latest(KEY));
  const line = { level: 'warn', msg: 'latest values not cached' };
  expect(log.lines).toMatchObject([line, { ...line, err: expect.stringContaining('WRONGTYPE') }]);
});

/**
 * The latest values in Redis, told by the analyzer process on a topic fed by the real connector: what
 * closes, goes or is lost, readers never find a candle there that is no longer the latest one.
 */
import { beforeAll, expect, test } from 'vitest';
import { seriesKey, type Candle } from '#core/candle.ts';
import { REDIS_KEYS } from '#core/contracts/names.ts';
import { epochMs } from '#core/time.ts';
import { waitFor } from '../../local/stack/wait.ts';
import { storeCandles } from '../support/market.ts';
import type { OwnProcess } from '../support/own-process.ts';
import { usePipeline } from '../support/pipeline.ts';
import { settle } from '../support/settle.ts';
import { walkCandles } from '../support/walk.ts';

const pipeline = usePipeline();
/** The next analyzer waits for a killed one this long. */
const ENV = { ANALYZER_SESSION_TIMEOUT_MS: '6000' };
const TIMEOUT_MS = 20_000;
const SYMBOLS = ['LATEST-A/USDT', 'LATEST-B/USDT'];
const [A, B] = SYMBOLS.map((symbol, seed) => walkCandles(60, { symbol, seed }));
const next: Candle = { ...A!.at(-1)!, openTime: epochMs(A!.at(-1)!.openTime + 60_000) };
let analyzer: OwnProcess;

beforeAll(async () => {
  await storeCandles(pipeline.pool, [...A!, ...B!]);
  await pipeline.activate();
  analyzer = await pipeline.startAnalyzer(ENV);
  await settle(pipeline);
});

const latestOf = (candles: readonly Candle[]): Promise<Record<string, string>> =>
  pipeline.redis.hgetall(REDIS_KEYS.latest(seriesKey(candles[0]!)));

async function until(what: string, candles: readonly Candle[], parts: string[]): Promise<void> {
  const there = async (): Promise<boolean> =>
    Object.keys(await latestOf(candles))
      .sort()
      .join() === parts.join();
  await waitFor(there, { what, timeoutMs: TIMEOUT_MS });
}

test('a running candle is there until it closes', async () => {
  await storeCandles(pipeline.pool, [{ ...next, isClosed: false }]);
  await until('the running candle', A!, ['closed', 'open']);
  await storeCandles(pipeline.pool, [next]);
  await until('the running candle to go', A!, ['closed']);
  expect((await latestOf(A!))['closed']).toContain(`"openTime":${next.openTime}`);
});

test('after a restart with an empty Redis all series are there before anything happens', async () => {
  await settle(pipeline);
  const before = await Promise.all([A!, B!].map(latestOf));
  await analyzer.kill();
  await pipeline.redis.flushall();
  analyzer = await pipeline.startAnalyzer(ENV);
  await until('the latest values of the first series', A!, ['closed']);
  await until('the latest values of the second series', B!, ['closed']);
  expect(await Promise.all([A!, B!].map(latestOf))).toEqual(before);
});

test('after a restart what Redis still has is put right', async () => {
  const key = REDIS_KEYS.latest(seriesKey(A![0]!));
  const before = await latestOf(A!);
  await analyzer.stop();
  const stale = JSON.stringify({ openTime: next.openTime });
  await pipeline.redis.hset(key, { closed: '{}', open: stale });
  analyzer = await pipeline.startAnalyzer(ENV);
  await until('the stale running candle to go', A!, ['closed']);
  expect(await latestOf(A!)).toEqual(before);
});

test('a series that is deleted, its running candle too, leaves nothing', async () => {
  const running = { ...B!.at(-1)!, openTime: next.openTime, isClosed: false };
  await storeCandles(pipeline.pool, [running]);
  await until('the running candle', B!, ['closed', 'open']);
  await pipeline.pool.query('delete from market.candles where symbol = $1', [SYMBOLS[1]]);
  await until('everything of the series to go', B!, []);
  await settle(pipeline);
  expect(Object.keys(await latestOf(A!))).toEqual(['closed']);
});

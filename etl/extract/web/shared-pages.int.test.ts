/** Two fetchers, each with a Redis connection of its own as two processes have, and one stepped clock. */
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { REDIS_KEYS } from '#core/contracts/names.ts';
import { epochMs } from '#core/time.ts';
import { createManualClock } from '#platform/clock.ts';
import { createRedis, type Redis } from '#platform/redis.ts';
import { startEngines } from '../../../tests/support/engines.ts';
import { recordLogger } from '../../../tests/support/recorded-logger.ts';
import { startWebServer, type WebServer } from '../../../tests/support/web-server.ts';
import { createSharedLimits } from '../limits-shared.ts';
import { createPageFetcher, type PageFetcher } from './fetch-page.ts';

const START = epochMs(Date.UTC(2026, 10, 21));
const NEVER = new AbortController().signal;
const INTERVAL_MS = 1_000;

let connections: readonly [Redis, Redis];
let clock: ReturnType<typeof createManualClock>;
let server: WebServer;
let robots: { status: number; body: string };
/** What each worker waited, ms. */
let slept: number[];

beforeAll(async () => {
  const { config } = await startEngines(['redis']);
  connections = [createRedis(config, () => undefined), createRedis(config, () => undefined)];
});

beforeEach(async () => {
  clock = createManualClock(START);
  slept = [];
  robots = { status: 404, body: '' };
  for (const redis of connections) {
    if (redis.status === 'wait' || redis.status === 'end') await redis.connect();
  }
  server = await startWebServer(
    (path) => ({
      headers: { 'content-type': 'text/plain' },
      ...(path === '/robots.txt' ? robots : { body: 'rates' }),
    }),
    clock,
  );
});

afterEach(async () => {
  const [redis] = connections;
  await redis.del(REDIS_KEYS.webTurn(server.host), REDIS_KEYS.webRobots(server.url));
  await server.close();
});

afterAll(() => {
  for (const redis of connections) redis.disconnect();
});

function worker(redis: Redis): PageFetcher {
  const { logger } = recordLogger();
  return createPageFetcher({
    policy: {
      source: 'test',
      allowedHosts: [server.host],
      allowHttp: true,
      minimumIntervalMs: INTERVAL_MS,
    },
    clock,
    allowLoopback: true,
    random: () => 0,
    sleep: async (ms) => {
      slept.push(ms);
      clock.set(epochMs(clock.now() + ms));
    },
    shared: createSharedLimits(redis, clock, logger).pages,
  });
}

const ask = (fetcher: PageFetcher) =>
  fetcher.fetch({ url: `${server.url}/a`, kind: 'text', day: null, goodMs: 0 }, NEVER);
const asks = (path: string): number => server.asked.filter((each) => each.path === path).length;

test('a host is asked at the minimum interval by all workers together', async () => {
  const [one, other] = [worker(connections[0]), worker(connections[1])];
  for (let round = 0; round < 4; round += 1) {
    await ask(one);
    await ask(other);
  }
  const times = server.asked.map(({ at }) => at - START);
  expect(times).toEqual(times.map((_time, index) => index * INTERVAL_MS));
});

test('workers that ask at the same time get turns of their own', async () => {
  const shared = connections.map(
    (redis) => createSharedLimits(redis, clock, recordLogger().logger).pages,
  );
  const turn = { now: START, intervalMs: INTERVAL_MS, waitMsMax: 600_000 };
  const waits = await Promise.all(
    Array.from({ length: 20 }, async (_, index) => shared[index % 2]?.takeTurn(server.host, turn)),
  );
  expect(waits.map(Number).sort((a, b) => a - b)).toEqual(
    Array.from({ length: 20 }, (_, index) => index * INTERVAL_MS),
  );
});

test('a turn that is too far away is told and not taken', async () => {
  const [redis] = connections;
  const { pages } = createSharedLimits(redis, clock, recordLogger().logger);
  const turn = { now: START, intervalMs: 5_000, waitMsMax: 4_000 };
  expect(await pages.takeTurn(server.host, turn)).toBe(0);
  expect(await pages.takeTurn(server.host, turn)).toBe(5_000);
  expect(await pages.takeTurn(server.host, turn)).toBe(5_000);
  expect(await pages.takeTurn(server.host, { ...turn, now: START + 5_000 })).toBe(0);
});

test('robots.txt is asked for once by all workers, and holds for all', async () => {
  robots = { status: 200, body: 'User-agent: *\nDisallow: /a\n' };
  await expect(ask(worker(connections[0]))).rejects.toThrow('does not allow');
  await expect(ask(worker(connections[1]))).rejects.toThrow('does not allow');
  expect([asks('/robots.txt'), asks('/a')]).toEqual([1, 0]);
});

test('that it is absent is shared for a day', async () => {
  await ask(worker(connections[0]));
  await ask(worker(connections[1]));
  expect(asks('/robots.txt')).toBe(1);
  clock.set(epochMs(START + 24 * 60 * 60_000));
  await ask(worker(connections[1]));
  expect(asks('/robots.txt')).toBe(2);
});

test('that it cannot be told keeps all workers away for a minute', async () => {
  robots = { status: 500, body: '' };
  await expect(ask(worker(connections[0]))).rejects.toMatchObject({ retryable: true });
  const before = asks('/robots.txt');
  robots = { status: 404, body: '' };
  const other = worker(connections[1]);
  await expect(ask(other)).rejects.toMatchObject({ retryable: true });
  expect(asks('/robots.txt')).toBe(before);
  clock.set(epochMs(clock.now() + 60_000));
  await expect(ask(other)).resolves.toMatchObject({ body: 'rates' });
});

test('rubbish in Redis is not believed', async () => {
  const [redis] = connections;
  await redis.set(REDIS_KEYS.webRobots(server.url), '{"kind":"rules"}');
  await redis.set(REDIS_KEYS.webTurn(server.host), 'soon');
  await expect(ask(worker(redis))).resolves.toMatchObject({ body: 'rates' });
  expect(asks('/robots.txt')).toBe(1);
});

test('without Redis each worker keeps to its own turns, and asks robots.txt itself', async () => {
  const [redis] = connections;
  const ended = once(redis, 'end');
  redis.disconnect();
  await ended;
  const fetcher = worker(redis);
  await ask(fetcher);
  await ask(fetcher);
  expect(server.asked.map(({ path, at }) => [path, at - START])).toEqual([
    ['/robots.txt', 0],
    ['/a', INTERVAL_MS],
    ['/a', 2 * INTERVAL_MS],
  ]);
  // Once it is back, turns are shared again.
  await redis.connect();
  await ask(fetcher);
  await ask(worker(connections[1]));
  expect(server.asked.at(-1)?.at).toBe(START + 4 * INTERVAL_MS);
});

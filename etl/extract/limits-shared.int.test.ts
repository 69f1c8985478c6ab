/** Two rate gates, each with a Redis connection of its own as two processes have, and a stepped clock. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { REDIS_KEYS } from '#core/contracts/names.ts';
import { AppError } from '#core/errors.ts';
import { epochMs, formatInstant } from '#core/time.ts';
import { createManualClock } from '#platform/clock.ts';
import { createRedis, type Redis } from '#platform/redis.ts';
import { startEngines } from '../../tests/support/engines.ts';
import { recordLogger, type RecordedLogger } from '../../tests/support/recorded-logger.ts';
import { createSharedLimits } from './limits-shared.ts';
import { createRateGate, type RateGate } from './rate-gate.ts';
import { createWeightBudget } from './weight-budget.ts';

const MINUTE = 60_000;
const START = epochMs(29_700_000 * MINUTE + 10_000);
const LIMIT = 100;
const USABLE = 90;

/** What one process has. */
interface Worker {
  readonly redis: Redis;
  readonly gate: RateGate;
  readonly log: RecordedLogger;
}

let venue: string;
let clock: ReturnType<typeof createManualClock>;
/** Each sleep of any worker, ms; the clock goes on by it. */
let slept: number[];
let workers: readonly [Worker, Worker];
let connections: readonly [Redis, Redis];

beforeAll(async () => {
  const { config } = await startEngines(['redis']);
  connections = [createRedis(config, () => undefined), createRedis(config, () => undefined)];
});

beforeEach(async () => {
  // Redis is shared by all tests of a run.
  venue = `fuzz-${randomBytes(6).toString('hex')}`;
  clock = createManualClock(START);
  slept = [];
  await connectAll();
  workers = [workerOn(connections[0]), workerOn(connections[1])];
});

afterEach(async () => {
  await connectAll();
  const [redis] = connections;
  const keys = await redis.keys(`wick:venue:{${venue}}:*`);
  if (keys.length > 0) await redis.del(keys);
});

afterAll(() => {
  for (const redis of connections) redis.disconnect();
});

async function connectAll(): Promise<void> {
  for (const redis of connections) if (redis.status !== 'ready') await redis.connect();
}

/** As when Redis has gone away: the connections are there no more, and commands fail at once. */
async function disconnectAll(): Promise<void> {
  const ended = connections.map((redis) => once(redis, 'end'));
  for (const redis of connections) redis.disconnect();
  await Promise.all(ended);
}

function workerOn(redis: Redis): Worker {
  const log = recordLogger();
  const gate = createRateGate({
    venue,
    clock,
    budget: createWeightBudget({ limit: LIMIT, clock }),
    sleep: async (ms) => {
      slept.push(ms);
      clock.set(epochMs(clock.now() + ms));
      return Promise.resolve();
    },
    shared: createSharedLimits(redis, clock, log.logger),
    logger: log.logger,
  });
  return { redis, gate, log };
}

const window = (): number => Math.floor(clock.now() / MINUTE) * MINUTE;

async function countedIn(start: number): Promise<number> {
  return Number(await connections[0].get(REDIS_KEYS.venueUsed(venue, start)));
}

test('weights of two processes never add up to more than the share of one window', async () => {
  const [a, b] = workers;
  const passed = new Map<number, number>();
  for (let round = 0; round < 60; round += 1) {
    const weight = 1 + ((round * 7) % 13);
    await (round % 3 === 0 ? a : b).gate.pass(weight);
    passed.set(window(), (passed.get(window()) ?? 0) + weight);
  }
  const sums = [...passed.values()];
  // Those that were full did not just stay below by luck.
  expect(sums.length).toBeGreaterThan(3);
  for (const [index, sum] of sums.entries()) {
    expect(sum).toBeLessThanOrEqual(USABLE);
    if (index < sums.length - 1) expect(sum).toBeGreaterThan(USABLE - 13);
  }
  for (const [start, sum] of passed) expect(await countedIn(start)).toBe(sum);
});

test('of two bans that are told at once the longer one stays', async () => {
  const bans = [120_000, 3_600_000].map((ms) => epochMs(clock.now() + ms));
  const [a, b] = connections.map((redis) =>
    createSharedLimits(redis, clock, recordLogger().logger),
  );
  for (let round = 0; round < 20; round += 1) {
    await connections[0].del(REDIS_KEYS.venueBan(venue));
    await Promise.all([
      a!.leaveAlone(venue, 'ban', bans[1]!),
      b!.leaveAlone(venue, 'ban', bans[0]!),
    ]);
    const third = createSharedLimits(connections[0], clock, recordLogger().logger);
    expect((await third.leftAloneUntil(venue))?.ban).toBe(bans[1]);
  }
});

test('requests at the same moment share one allowance too', async () => {
  const wave = Array.from({ length: 18 }, (_, index) => workers[index % 2 === 0 ? 0 : 1]);
  await Promise.all(wave.map(({ gate }) => gate.pass(5)));
  expect(slept).toEqual([]);
  expect(await countedIn(window())).toBe(USABLE);
  const full = window();
  await workers[1].gate.pass(1);
  expect(slept).toEqual([50_500]);
  expect(await countedIn(full)).toBe(USABLE);
  expect(await countedIn(full + MINUTE)).toBe(1);
});

test('what was used is forgotten some minutes after its window', async () => {
  await workers[0].gate.pass(5);
  const ttl = await connections[1].pttl(REDIS_KEYS.venueUsed(venue, window()));
  expect(ttl).toBeGreaterThan(MINUTE);
  expect(ttl).toBeLessThanOrEqual(5 * MINUTE);
});

test('a pause told to one holds the other back for as long, and no longer', async () => {
  const [a, b] = workers;
  await b.gate.pass(1);
  await a.gate.pause(7_000);
  await b.gate.pass(1);
  expect(slept).toEqual([7_000]);
  await a.gate.pass(1);
  expect(slept).toEqual([7_000]);
});

test('a shorter pause takes nothing away from a longer one', async () => {
  const [a, b] = workers;
  await a.gate.pause(9_000);
  await b.gate.pause(2_000);
  await b.gate.pass(1);
  expect(slept).toEqual([9_000]);
});

test('a ban told to one makes the other refuse without asking, until it is over', async () => {
  const [a, b] = workers;
  await a.gate.ban(120_000);
  const end = START + 120_000;
  for (const { gate } of [a, b]) {
    const error: unknown = await gate.pass(1).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(AppError);
    expect(error).toMatchObject({
      code: 'WICK_ETL_VENUE_RATE_LIMITED',
      retryable: true,
      details: { retryAfterMs: 120_000 },
      message: expect.stringContaining(`until ${formatInstant(epochMs(end))}`) as unknown,
    });
  }
  expect(slept).toEqual([]);
  expect(await countedIn(window())).toBe(0);
  clock.set(epochMs(end));
  await b.gate.pass(1);
  expect(slept).toEqual([]);
});

test('another venue is held back by none of it', async () => {
  const [a, b] = workers;
  await a.gate.ban(120_000);
  const other = `${venue}-other`;
  const shared = createSharedLimits(b.redis, clock, b.log.logger);
  expect(await shared.leftAloneUntil(other)).toEqual({ pause: 0, ban: 0 });
  expect(await shared.leftAloneUntil(venue)).toEqual({ pause: 0, ban: START + 120_000 });
});

test('while Redis is away each goes on by its own count and by what it was told', async () => {
  const [a, b] = workers;
  await a.gate.pass(50);
  await disconnectAll();
  // Alone, this one would have 90: it does not know of the other's 50 any more.
  await b.gate.pass(90);
  expect(slept).toEqual([]);
  await a.gate.pass(41);
  expect(slept).toEqual([50_500]);
  await b.gate.ban(120_000);
  await expect(b.gate.pass(1)).rejects.toMatchObject({ code: 'WICK_ETL_VENUE_RATE_LIMITED' });
  expect(b.log.lines).toContainEqual(
    expect.objectContaining({ level: 'debug', msg: 'limits are not shared while Redis is away' }),
  );
});

test('when Redis is back they share the windows that begin from then on', async () => {
  const [a, b] = workers;
  await disconnectAll();
  await a.gate.pass(1);
  await connectAll();
  clock.set(epochMs(START + MINUTE));
  await a.gate.pass(20);
  await b.gate.pass(70);
  expect(await countedIn(window())).toBe(USABLE);
  await b.gate.pass(5);
  expect(slept).toEqual([50_500]);
});

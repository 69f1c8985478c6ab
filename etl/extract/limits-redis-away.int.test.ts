/** What a venue asked for is known to all workers again after Redis was killed, with nothing kept. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { epochMs } from '#core/time.ts';
import { createManualClock } from '#platform/clock.ts';
import { createRedis, type Redis } from '#platform/redis.ts';
import { installEngines } from '../../local/engines/install.ts';
import { resolveLayout } from '../../local/stack/layout.ts';
import type { ManagedProcess } from '../../local/stack/managed-process.ts';
import { freePort } from '../../local/stack/ports.ts';
import { startRedis } from '../../local/stack/services/redis.ts';
import { servicePlace, type ServicePlace } from '../../local/stack/services/service.ts';
import { loadConfig, type Config } from '#platform/config.ts';
import { recordLogger } from '../../tests/support/recorded-logger.ts';
import { createSharedLimits, type SharedLimits } from './limits-shared.ts';

const VENUE = 'fuzz-venue';
const PASSWORD = 'redis-test-password';
const START = epochMs(1_781_000_000_000);
const POLL = { timeout: 30_000, interval: 50 };

let folder = '';
let place: ServicePlace;
let binary = '';
let config: Config;
let server: ManagedProcess;
let clock: ReturnType<typeof createManualClock>;
let connections: Redis[];

beforeAll(async () => {
  const { engineCache } = resolveLayout({
    checkout: join(import.meta.dirname, '..', '..'),
    cacheDir: process.env['WICKSTREAM_CACHE_DIR'],
  });
  binary = (await installEngines({ cacheDir: engineCache })).redisServer;
  folder = await mkdtemp(join(tmpdir(), 'wick-limits-'));
  const folders = {
    data: join(folder, 'data'),
    logs: join(folder, 'logs'),
    run: join(folder, 'run'),
  };
  for (const path of Object.values(folders)) await mkdir(path);
  place = servicePlace(folders, 'redis');
  const port = String(await freePort());
  config = loadConfig({
    env: {
      DB_PASSWORD: 'unused',
      CDC_PASSWORD: 'unused',
      CLICKHOUSE_PASSWORD: 'unused',
      REDIS_PORT: port,
      REDIS_PASSWORD: PASSWORD,
    },
  });
  await start();
});

afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true });
});

beforeEach(() => {
  clock = createManualClock(START);
  connections = [];
});

afterEach(() => {
  for (const redis of connections) redis.disconnect();
});

async function start(): Promise<void> {
  server = await startRedis({ binary, place, port: config.REDIS_PORT, password: PASSWORD });
}

/** Without a chance to save or to say goodbye. */
async function kill(): Promise<void> {
  process.kill(server.pid, 'SIGKILL');
  await server.exited;
  await server.stop();
  for (const redis of connections) {
    await expect.poll(() => redis.status, POLL).not.toBe('ready');
  }
}

/** What a process has. */
async function worker(): Promise<SharedLimits> {
  const redis = createRedis(config, () => undefined);
  connections.push(redis);
  await redis.connect();
  return createSharedLimits(redis, clock, recordLogger().logger);
}

const knownTo = async (limits: SharedLimits) => limits.leftAloneUntil(VENUE);

test('what a venue asked for while Redis was away is there when it is back, though its worker asks nothing more', async () => {
  const [told, other] = [await worker(), await worker()];
  await kill();
  await told.leaveAlone(VENUE, 'ban', START + 120_000);
  await told.leaveAlone(VENUE, 'pause', START + 5_000);
  expect(await knownTo(other)).toBeNull();
  await start();
  await expect
    .poll(() => knownTo(other), POLL)
    .toEqual({ pause: START + 5_000, ban: START + 120_000 });
});

test('what it asked for before Redis was killed is there again, also for a process that starts then', async () => {
  const told = await worker();
  await told.leaveAlone(VENUE, 'ban', START + 600_000);
  await kill();
  await start();
  const late = await worker();
  await expect.poll(() => knownTo(late), POLL).toEqual({ pause: 0, ban: START + 600_000 });
});

test('what was heard from another worker outlives that worker and Redis', async () => {
  const told = await worker();
  const heard = await worker();
  await told.leaveAlone(VENUE, 'ban', START + 900_000);
  await knownTo(heard);
  connections[0]?.disconnect();
  connections = connections.slice(1);
  await kill();
  await start();
  const late = await worker();
  await expect.poll(() => knownTo(late), POLL).toEqual({ pause: 0, ban: START + 900_000 });
});

test('what is over by then is not put there again', async () => {
  const told = await worker();
  await kill();
  await told.leaveAlone(VENUE, 'ban', START + 60_000);
  await told.leaveAlone(VENUE, 'pause', START + 240_000);
  clock.set(epochMs(START + 60_000));
  await start();
  const late = await worker();
  await expect.poll(() => knownTo(late), POLL).toEqual({ pause: START + 240_000, ban: 0 });
});

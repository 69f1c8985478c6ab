import { mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { installEngines } from '../../engines/install.ts';
import { resolveLayout } from '../layout.ts';
import type { ManagedProcess } from '../managed-process.ts';
import { commandLine } from '../pid-file.ts';
import { freePort } from '../ports.ts';
import { startRedis } from './redis.ts';
import { servicePlace, type ServicePlace } from './service.ts';

const PASSWORD = 'redis-test-password';

let folder = '';
let place: ServicePlace;
let port = 0;
let server: ManagedProcess;

beforeAll(async () => {
  const { engineCache } = resolveLayout({
    checkout: join(import.meta.dirname, '..', '..', '..'),
    cacheDir: process.env['WICKSTREAM_CACHE_DIR'],
  });
  const engines = await installEngines({ cacheDir: engineCache });
  folder = await mkdtemp(join(tmpdir(), 'wick (ویک) "'));
  for (const name of ['data', 'logs', 'run']) await mkdir(join(folder, name));
  place = servicePlace(
    { data: join(folder, 'data'), logs: join(folder, 'logs'), run: join(folder, 'run') },
    'redis',
  );
  port = await freePort();
  server = await startRedis({ binary: engines.redisServer, place, port, password: PASSWORD });
});

afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true });
});

/** What the server says, logged in with this password or none. */
async function ask(
  password: string | undefined,
  ...words: [string, ...string[]]
): Promise<unknown> {
  const client = new Redis({
    host: '127.0.0.1',
    port,
    ...(password === undefined ? {} : { password }),
    lazyConnect: true,
    enableReadyCheck: false,
    retryStrategy: () => null,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await client.call(...words);
  } finally {
    client.disconnect();
  }
}

test('it asks for the password, which is in no command line and in a file of its own', async () => {
  expect(await ask(PASSWORD, 'ping')).toBe('PONG');
  await expect(ask(undefined, 'ping')).rejects.toThrow(/NOAUTH|closed/);
  expect(await commandLine(server.pid)).not.toContain(PASSWORD);
  expect((await stat(join(place.dataDir, 'redis.conf'))).mode & 0o777).toBe(0o600);
  expect(await readFile(place.logFile, 'utf8')).not.toContain(PASSWORD);
});

test('it listens on the loopback only, caches and keeps nothing', async () => {
  expect(await ask(PASSWORD, 'config', 'get', 'bind')).toEqual(['bind', '127.0.0.1']);
  expect(await ask(PASSWORD, 'config', 'get', 'dir')).toEqual(['dir', place.dataDir]);
  expect(await ask(PASSWORD, 'config', 'get', 'save')).toEqual(['save', '']);
  expect(await ask(PASSWORD, 'config', 'get', 'maxmemory-policy')).toEqual([
    'maxmemory-policy',
    'allkeys-lru',
  ]);
});

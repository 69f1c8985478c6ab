/** Redis 7 as a child process on loopback, with a password. It only caches, so it never persists. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { startProcess, type ManagedProcess } from '../managed-process.ts';
import type { ServicePlace } from './service.ts';

export interface RedisServerOptions {
  /** The `redis-server` binary. */
  readonly binary: string;
  readonly place: ServicePlace;
  readonly port: number;
  readonly password: string;
  readonly signal?: AbortSignal | undefined;
}

const READY_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 10_000;

export async function startRedis(options: RedisServerOptions): Promise<ManagedProcess> {
  await mkdir(options.place.dataDir, { recursive: true });
  // In a file, not on the command line, where every user of the machine could read it.
  const configFile = join(options.place.dataDir, 'redis.conf');
  await writeFile(
    configFile,
    [
      'bind 127.0.0.1',
      'protected-mode yes',
      `port ${options.port}`,
      `requirepass ${options.password}`,
      'save ""',
      'appendonly no',
      'maxmemory 256mb',
      'maxmemory-policy allkeys-lru',
      `dir ${quoted(options.place.dataDir)}`,
      '',
    ].join('\n'),
    { mode: 0o600 },
  );
  return startProcess({
    name: 'redis',
    command: options.binary,
    args: [configFile],
    cwd: options.place.dataDir,
    logFile: options.place.logFile,
    pidFile: options.place.pidFile,
    ready: () => answers(options),
    readyTimeoutMs: READY_TIMEOUT_MS,
    stopSignal: 'SIGTERM',
    stopTimeoutMs: STOP_TIMEOUT_MS,
    signal: options.signal,
  });
}

/** As redis.conf wants a value with spaces in it. */
function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
}

async function answers(options: RedisServerOptions): Promise<boolean> {
  const client = new Redis({
    host: '127.0.0.1',
    port: options.port,
    password: options.password,
    lazyConnect: true,
    connectTimeout: 2_000,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.ping()) === 'PONG';
  } finally {
    client.disconnect();
  }
}

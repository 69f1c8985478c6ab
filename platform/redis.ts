/** Redis through `ioredis`. It only caches: losing it changes latency, never an answer. */
import { Redis } from 'ioredis';
import type { Config } from './config.ts';

export type { Redis } from 'ioredis';

/** A connection that keeps trying; commands issued while it is away fail at once. */
export function createRedis(config: Config, onError: (error: Error) => void): Redis {
  const redis = new Redis({
    host: config.REDIS_HOST,
    port: config.REDIS_PORT,
    password: config.REDIS_PASSWORD,
    connectTimeout: 5_000,
    commandTimeout: 5_000,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    retryStrategy: (attempt) => Math.min(attempt * 200, 5_000),
    lazyConnect: true,
  });
  redis.on('error', onError);
  return redis;
}

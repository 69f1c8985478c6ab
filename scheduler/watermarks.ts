/**
 * How far each series was collected. Postgres holds the truth and alone says where to go on; Redis
 * only saves asking it while nothing can be due. A Postgres restored from a backup knows less than
 * the cache remembers: going on from the cache would leave a hole that nobody looks for.
 */
import { seriesKey, type Series } from '#core/candle.ts';
import { REDIS_KEYS } from '#core/contracts/names.ts';
import { errorText } from '#core/errors.ts';
import { isEpochMs, type EpochMs } from '#core/time.ts';
import type { Logger } from '#platform/logger.ts';
import type { Pool } from '#platform/postgres.ts';
import { readWatermark } from '../etl/index.ts';

const CACHE_SECONDS = 3600;

/** The two commands of Redis that this needs. */
export interface WatermarkCache {
  get(key: string): Promise<string | null>;
  set(key: string, value: string, unit: 'EX', seconds: number): Promise<unknown>;
}

export class Watermarks {
  readonly #pool: Pool;
  readonly #redis: WatermarkCache;
  readonly #logger: Logger;

  constructor(pool: Pool, redis: WatermarkCache, logger: Logger) {
    this.#pool = pool;
    this.#redis = redis;
    this.#logger = logger;
  }

  /** Open time to go on from; null for a series never collected. */
  async read(series: Series): Promise<EpochMs | null> {
    const stored = await readWatermark(this.#pool, series);
    if (stored !== null) await this.cache(series, stored);
    return stored;
  }

  async cache(series: Series, watermark: EpochMs): Promise<void> {
    try {
      const key = REDIS_KEYS.watermark(seriesKey(series));
      await this.#redis.set(key, String(watermark), 'EX', CACHE_SECONDS);
    } catch (error) {
      this.#logger.debug({ err: errorText(error) }, 'watermark not cached');
    }
  }

  /** What was last read or stored; only good for deciding that nothing is due. */
  async cached(series: Series): Promise<EpochMs | null> {
    try {
      const text = await this.#redis.get(REDIS_KEYS.watermark(seriesKey(series)));
      const value = text === null ? null : Number(text);
      return isEpochMs(value) ? value : null;
    } catch (error) {
      this.#logger.debug({ err: errorText(error) }, 'watermark cache not read');
      return null;
    }
  }
}

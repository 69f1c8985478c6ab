/**
 * The latest values of each series in Redis, for readers that want them at once. Written after the
 * rows are durable. Only a cache: when Redis is away nothing stops and nothing is wrong.
 */
import type { CandleChange } from '#core/contracts/candle-change.ts';
import { REDIS_KEYS } from '#core/contracts/names.ts';
import { errorText } from '#core/errors.ts';
import type { Logger } from '#platform/logger.ts';
import type { Redis } from '#platform/redis.ts';
import type { DerivedRow, HistoricCandle } from '../series-state.ts';

/** What is known last of one series, as JSON; the parts move independently. */
export interface LatestValues {
  readonly closed?: string;
  readonly open?: string;
}

export class LatestCache {
  readonly #redis: Redis;
  readonly #logger: Logger;
  readonly #featureNames: readonly string[];

  constructor(redis: Redis, logger: Logger, featureNames: readonly string[]) {
    this.#redis = redis;
    this.#logger = logger;
    this.#featureNames = featureNames;
  }

  /** A closed candle with its features and signal. */
  closedText(candle: HistoricCandle, row: DerivedRow): string {
    const { evaluation } = row;
    const features: Record<string, number | null> = {};
    for (const [index, name] of this.#featureNames.entries()) {
      const value = evaluation?.vector[index] ?? NaN;
      features[name] = Number.isNaN(value) ? null : value;
    }
    return JSON.stringify({
      openTime: candle.openTime,
      candle: candle.values,
      features,
      status: evaluation?.status ?? null,
      signal: evaluation?.signal ?? null,
      fired: evaluation?.fired ?? [],
      version: String(row.version),
    });
  }

  /** A candle that is still running. */
  openText(change: CandleChange): string {
    return JSON.stringify({
      openTime: change.openTime,
      candle: change.values,
      version: String(change.version),
    });
  }

  /** Writes the values of the given series. Never rejects: what is not cached is only slower. */
  async write(values: ReadonlyMap<string, LatestValues>): Promise<void> {
    if (values.size === 0) return;
    try {
      const pipeline = this.#redis.pipeline();
      for (const [key, parts] of values) pipeline.hset(REDIS_KEYS.latest(key), parts);
      const failure = (await pipeline.exec())?.find(([error]) => error !== null)?.[0];
      if (failure) throw failure;
    } catch (error) {
      this.#logger.warn({ err: errorText(error) }, 'latest values not cached');
    }
  }
}

/**
 * The latest values of each series in Redis, for readers that want them at once: the newest closed
 * candle, and the running one while it is newer than that. Written after the rows are durable, and
 * told again from ClickHouse when the process starts. Only a cache: when Redis is away nothing stops
 * and nothing is wrong.
 */
import type { CandleChange } from '#core/contracts/candle-change.ts';
import { REDIS_KEYS } from '#core/contracts/names.ts';
import { errorText } from '#core/errors.ts';
import type { EpochMs } from '#core/time.ts';
import type { Logger } from '#platform/logger.ts';
import type { Redis } from '#platform/redis.ts';
import type { NewestCandle } from '../series-state.ts';

/** A candle as readers find it. */
interface ShownCandle {
  readonly openTime: EpochMs;
  /** JSON. */
  readonly text: string;
}

/** What is told anew of one series; what is left out stays as it is. */
export interface LatestValues {
  /** Null where the series has no closed candle any more. */
  readonly closed?: ShownCandle | null;
  readonly open?: ShownCandle;
  /** The newest candle that was deleted: if it is the running one, it goes. */
  readonly deletedAt?: EpochMs;
}

export interface LatestCacheOptions {
  readonly redis: Redis;
  readonly logger: Logger;
  /** In the order of the vectors. */
  readonly featureNames: readonly string[];
  /** The newest candles of the series of some partitions; null for a series that has none. */
  readonly readNewest: (
    partitions: readonly number[],
  ) => Promise<ReadonlyMap<string, NewestCandle | null>>;
}

/** Says "no closed candle any more" to the script. */
const GONE = 'gone';

/**
 * Moves the parts of one series in one step. A running candle that is not newer than the closed one
 * has closed, so it goes; which one Redis holds, perhaps since an earlier process, only Redis knows.
 */
const WRITE = `
  local closed, closedAt, open, deletedAt = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
  if closed == '${GONE}' then redis.call('hdel', KEYS[1], 'closed')
  elseif closed ~= '' then redis.call('hset', KEYS[1], 'closed', closed) end
  if open ~= '' then redis.call('hset', KEYS[1], 'open', open) end
  if not closedAt and not deletedAt then return end
  local running = redis.call('hget', KEYS[1], 'open')
  if not running then return end
  local at = cjson.decode(running).openTime
  if at == deletedAt or (closedAt and at <= closedAt) then redis.call('hdel', KEYS[1], 'open') end`;

export class LatestCache {
  readonly #options: LatestCacheOptions;

  constructor(options: LatestCacheOptions) {
    this.#options = options;
  }

  /** A closed candle with its features and signal. */
  closed({ candle, row }: NewestCandle): ShownCandle {
    const { openTime } = candle;
    const { evaluation } = row;
    const features: Record<string, number | null> = {};
    for (const [index, name] of this.#options.featureNames.entries()) {
      const value = evaluation?.vector[index] ?? NaN;
      features[name] = Number.isNaN(value) ? null : value;
    }
    const text = JSON.stringify({
      openTime,
      candle: candle.values,
      features,
      status: evaluation?.status ?? null,
      signal: evaluation?.signal ?? null,
      fired: evaluation?.fired ?? [],
      // Of the candle, as with one that runs. What caused the row no state keeps: told again, it would
      // be another.
      version: String(row.candleVersion),
    });
    return { openTime, text };
  }

  /** A candle that is still running. */
  open({ openTime, values, version }: CandleChange): ShownCandle {
    const text = JSON.stringify({ openTime, candle: values, version: String(version) });
    return { openTime, text };
  }

  /** Tells what the stores hold of all series of some partitions. Never rejects. */
  async show(partitions: readonly number[]): Promise<void> {
    if (partitions.length === 0) return;
    const values = new Map<string, LatestValues>();
    try {
      for (const [key, newest] of await this.#options.readNewest(partitions)) {
        values.set(key, { closed: newest === null ? null : this.closed(newest) });
      }
    } catch (error) {
      this.#options.logger.warn({ err: errorText(error) }, 'latest values not read');
    }
    await this.write(values);
  }

  /** Writes the values of the given series. Never rejects: what is not cached is only slower. */
  async write(values: ReadonlyMap<string, LatestValues>): Promise<void> {
    if (values.size === 0) return;
    try {
      const pipeline = this.#options.redis.pipeline();
      for (const [key, { closed, open, deletedAt }] of values) {
        pipeline.eval(
          WRITE,
          1,
          REDIS_KEYS.latest(key),
          closed === null ? GONE : (closed?.text ?? ''),
          closed?.openTime ?? '',
          open?.text ?? '',
          deletedAt ?? '',
        );
      }
      const failure = (await pipeline.exec())?.find(([error]) => error !== null)?.[0];
      if (failure) throw failure;
    } catch (error) {
      this.#options.logger.warn({ err: errorText(error) }, 'latest values not cached');
    }
  }
}

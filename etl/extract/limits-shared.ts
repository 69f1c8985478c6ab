/**
 * What all workers of a venue have to know of each other: how much of its allowance is used, and
 * until when it asked to be left alone. In: Redis. Out: sums and times, or null while Redis is away:
 * each process then keeps to its own count and to what the venue's headers say.
 */
import { REDIS_KEYS } from '#core/contracts/names.ts';
import { errorText } from '#core/errors.ts';
import { isEpochMs, type Clock } from '#core/time.ts';
import type { Logger } from '#platform/logger.ts';
import { createSharedPages, type PagesRedis, type SharedPages } from './web/shared-pages.ts';

export interface SharedLimits {
  /** The same for web sources, which are asked by hosts and turns. */
  readonly pages: SharedPages;
  /**
   * Adds to what is used in a window; a negative weight gives back.
   * @param window start of the window, epoch ms. @returns the sum of all workers.
   */
  add(venue: string, window: number, weight: number): Promise<number | null>;
  /** Tells all workers to leave the venue alone; a shorter time than is known changes nothing. */
  leaveAlone(venue: string, kind: 'pause' | 'ban', until: number): Promise<void>;
  /** What was told, epoch ms; 0 where nothing was. */
  leftAloneUntil(venue: string): Promise<{ readonly pause: number; readonly ban: number } | null>;
}

/** The commands of Redis that this needs. */
export interface LimitsRedis extends PagesRedis {
  incrby(key: string, count: number): Promise<number>;
  pexpire(key: string, ms: number): Promise<unknown>;
}

/** A count outlives its window by this, for clocks that differ. */
const COUNT_TTL_MS = 5 * 60_000;

export function createSharedLimits(redis: LimitsRedis, clock: Clock, logger: Logger): SharedLimits {
  const orNull = async <T>(work: () => Promise<T>): Promise<T | null> => {
    try {
      return await work();
    } catch (error) {
      logger.debug({ err: errorText(error) }, 'limits are not shared while Redis is away');
      return null;
    }
  };
  const until = async (key: string): Promise<number> => {
    const value = Number((await redis.get(key)) ?? '0');
    return isEpochMs(value) ? value : 0;
  };
  return {
    pages: createSharedPages(redis, orNull),
    add: (venue, window, weight) =>
      orNull(async () => {
        const key = REDIS_KEYS.venueUsed(venue, window);
        const [sum] = await Promise.all([
          redis.incrby(key, weight),
          redis.pexpire(key, COUNT_TTL_MS),
        ]);
        return sum;
      }),
    leaveAlone: async (venue, kind, end) => {
      await orNull(async () => {
        const key = kind === 'ban' ? REDIS_KEYS.venueBan(venue) : REDIS_KEYS.venuePause(venue);
        if ((await until(key)) >= end) return;
        // Readers compare with their own clock; the key only has to be there long enough.
        await redis.set(key, String(end), 'PX', Math.max(1, end - clock.now()) + COUNT_TTL_MS);
      });
    },
    leftAloneUntil: (venue) =>
      orNull(async () => {
        const [pause, ban] = await Promise.all([
          until(REDIS_KEYS.venuePause(venue)),
          until(REDIS_KEYS.venueBan(venue)),
        ]);
        return { pause, ban };
      }),
  };
}

/**
 * What all workers of a venue have to know of each other: how much of its allowance is used, and
 * until when it asked to be left alone. In: Redis. Out: sums and times, or null while Redis is away:
 * each process then keeps to its own count and to what the venue's headers say. Redis only caches, so
 * each process remembers until when venues are to be left alone, and puts it there again when Redis is
 * back, whether it was told to before or meanwhile.
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
  leaveAlone(venue: string, kind: Kind, until: number): Promise<void>;
  /** What was told, epoch ms; 0 where nothing was. */
  leftAloneUntil(venue: string): Promise<{ readonly pause: number; readonly ban: number } | null>;
}

/** The commands of Redis that this needs. */
export interface LimitsRedis extends PagesRedis {
  incrby(key: string, count: number): Promise<number>;
  pexpire(key: string, ms: number): Promise<unknown>;
  /** Told each time that the connection stands. */
  on(event: 'ready', listener: () => void): unknown;
}

type Kind = 'pause' | 'ban';

/** A count outlives its window by this, for clocks that differ. */
const COUNT_TTL_MS = 5 * 60_000;

/** In one step: of two that tell at once, the later end must stay. */
const KEEP_LATER = `
  local told = tonumber(redis.call('get', KEYS[1]) or '0') or 0
  local end_at = tonumber(ARGV[1])
  if told >= end_at then return string.format('%.0f', told) end
  redis.call('set', KEYS[1], string.format('%.0f', end_at), 'PX', ARGV[2])
  return string.format('%.0f', end_at)`;

export function createSharedLimits(redis: LimitsRedis, clock: Clock, logger: Logger): SharedLimits {
  const orNull = async <T>(work: () => Promise<T>): Promise<T | null> => {
    try {
      return await work();
    } catch (error) {
      logger.debug({ err: errorText(error) }, 'limits are not shared while Redis is away');
      return null;
    }
  };
  const read = async (key: string): Promise<number> => {
    const value = Number((await redis.get(key)) ?? '0');
    return isEpochMs(value) ? value : 0;
  };
  /** By key; two for each venue. */
  const known = new Map<string, number>();
  const remember = (key: string, end: number): void => {
    if (end > clock.now()) known.set(key, Math.max(end, known.get(key) ?? 0));
  };
  const put = async (key: string): Promise<number> => {
    const end = known.get(key) ?? 0;
    const left = end - clock.now();
    if (left <= 0) {
      known.delete(key);
      return read(key);
    }
    // Readers compare with their own clock; the key only has to be there long enough.
    const kept = Number(await redis.eval(KEEP_LATER, 1, key, end, left + COUNT_TTL_MS));
    return isEpochMs(kept) ? kept : end;
  };
  redis.on('ready', () => {
    void orNull(() => Promise.all([...known.keys()].map(put)));
  });
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
      remember(keyOf(venue, kind), end);
      await orNull(() => put(keyOf(venue, kind)));
    },
    leftAloneUntil: (venue) =>
      orNull(async () => {
        const [pause, ban] = await Promise.all([
          put(keyOf(venue, 'pause')),
          put(keyOf(venue, 'ban')),
        ]);
        remember(keyOf(venue, 'pause'), pause);
        remember(keyOf(venue, 'ban'), ban);
        return { pause, ban };
      }),
  };
}

function keyOf(venue: string, kind: Kind): string {
  return kind === 'ban' ? REDIS_KEYS.venueBan(venue) : REDIS_KEYS.venuePause(venue);
}

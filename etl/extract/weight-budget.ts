/**
 * How much of a venue's allowance is left in the window at hand. In: the weight of each request before
 * it is sent and the venue's own count after it. Out: how long to wait so that the limit is never
 * reached. It counts what is in flight, so parallel workers of one process share one allowance.
 */
import type { Clock } from '#core/time.ts';

export interface WeightBudget {
  /** Milliseconds to wait before a request of this weight may go; 0 takes the weight at once. */
  take(weight: number): number;
  /** Takes it back: the request did not go after all. */
  giveBack(weight: number): void;
  /** The count of the window at hand, as the venue or all workers together have it. */
  observe(used: number): void;
  /** The venue's own limit, once it is known. */
  setLimit(limit: number): void;
  readonly limit: () => number;
  /** The part of the limit that is used; the rest is for others behind the same address. */
  readonly usable: () => number;
  /** Start of the window at hand, epoch ms. */
  readonly window: () => number;
  /** Until the window at hand is over for clocks that differ a little, ms. */
  readonly untilNext: () => number;
}

export interface WeightBudgetOptions {
  /** Weight per window until the venue says otherwise. */
  readonly limit: number;
  /** Windows follow the clock; a minute by default. */
  readonly windowMs?: number | undefined;
  readonly clock: Clock;
}

const MINUTE_MS = 60_000;
const USED_SHARE_MAX = 0.9;
/** Past the window's end, for clocks that differ a little; never more than half a window. */
const MARGIN_MS = 500;

export function createWeightBudget(options: WeightBudgetOptions): WeightBudget {
  const { clock, windowMs = MINUTE_MS } = options;
  const marginMs = Math.min(MARGIN_MS, windowMs / 2);
  let limit = options.limit;
  let current = -1;
  let used = 0;
  const enter = (): number => {
    const now = clock.now();
    const window = Math.floor(now / windowMs);
    if (window !== current) {
      current = window;
      used = 0;
    }
    return now;
  };
  const untilNext = (): number => (current + 1) * windowMs - enter() + marginMs;
  return {
    take: (weight) => {
      enter();
      if (used > 0 && used + weight > limit * USED_SHARE_MAX) return untilNext();
      used += weight;
      return 0;
    },
    giveBack: (weight) => {
      used = Math.max(0, used - weight);
    },
    observe: (count) => {
      enter();
      used = Math.max(used, count);
    },
    setLimit: (next) => {
      limit = next;
    },
    limit: () => limit,
    usable: () => limit * USED_SHARE_MAX,
    window: () => {
      enter();
      return current * windowMs;
    },
    untilNext,
  };
}

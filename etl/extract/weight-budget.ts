/**
 * How much of a venue's allowance per minute is left. In: the weight of each request before it is
 * sent and the venue's own count after it. Out: how long to wait so that the limit is never reached.
 * It counts what is in flight, so parallel workers of one process share one allowance.
 */
import type { Clock } from '#core/time.ts';

export interface WeightBudget {
  /** Milliseconds to wait before a request of this weight may go; 0 takes the weight at once. */
  take(weight: number): number;
  /** The venue's count of the running minute. */
  observe(used: number): void;
  /** The venue's own limit, once it is known. */
  setLimit(limit: number): void;
  readonly limit: () => number;
}

export interface WeightBudgetOptions {
  /** Weight per clock minute until the venue says otherwise. */
  readonly limit: number;
  readonly clock: Clock;
}

const MINUTE_MS = 60_000;
/** The part of the limit that is used; the rest is for others behind the same address. */
const USED_SHARE_MAX = 0.9;
/** Past the minute's end, for clocks that differ a little. */
const MARGIN_MS = 500;

export function createWeightBudget(options: WeightBudgetOptions): WeightBudget {
  let limit = options.limit;
  let minute = -1;
  let used = 0;
  const enter = (): number => {
    const now = options.clock.now();
    const current = Math.floor(now / MINUTE_MS);
    if (current !== minute) {
      minute = current;
      used = 0;
    }
    return now;
  };
  return {
    take: (weight) => {
      const now = enter();
      if (used > 0 && used + weight > limit * USED_SHARE_MAX) {
        return (minute + 1) * MINUTE_MS - now + MARGIN_MS;
      }
      used += weight;
      return 0;
    },
    observe: (count) => {
      enter();
      used = Math.max(used, count);
    },
    setLimit: (next) => {
      limit = next;
    },
    limit: () => limit,
  };
}

/**
 * Coinbase's public allowance: so many requests a second and address with a burst above it, as a
 * bucket that refills with the wall clock. In: a request. Out: whether it passes.
 */
import type { Clock } from '#core/time.ts';

export interface RequestLimitOptions {
  /** Requests per second; Infinity switches the limit off. */
  readonly perSecond: number;
  readonly clock: Clock;
}

/** Requests per second and address. */
export const COINBASE_REQUESTS_PER_SECOND = 10;
/** How much larger a burst may be. */
const BURST_FACTOR = 1.5;

/** Returns the function that says whether one more request passes. */
export function createRequestLimit({ perSecond, clock }: RequestLimitOptions): () => boolean {
  const burst = perSecond * BURST_FACTOR;
  let tokens = burst;
  let filledAt = clock.now();
  return () => {
    if (perSecond === Infinity) return true;
    const now = clock.now();
    tokens = Math.min(burst, tokens + (Math.max(0, now - filledAt) / 1000) * perSecond);
    filledAt = now;
    if (tokens < 1) return false;
    tokens -= 1;
    return true;
  };
}

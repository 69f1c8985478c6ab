/**
 * The gate that every request to one venue passes. It holds a request back while the allowance of
 * the minute is used up or the venue has asked for a pause, and refuses it outright during a ban: a
 * banned client that goes on asking is banned for longer. Shared by all workers of a process.
 */
import { AppError } from '#core/errors.ts';
import { epochMs, formatInstant, type Clock } from '#core/time.ts';
import type { Logger } from '#platform/logger.ts';
import type { WeightBudget } from './weight-budget.ts';

export type Sleep = (ms: number, signal?: AbortSignal) => Promise<unknown>;

export interface RateGate {
  /** Resolves when a request of this weight may go. */
  pass(weight: number, signal?: AbortSignal): Promise<void>;
  /** The venue asked for a pause (429). */
  pause(ms: number): void;
  /** The venue has banned us (418). */
  ban(ms: number): void;
}

export interface RateGateOptions {
  readonly venue: string;
  readonly clock: Clock;
  readonly budget: WeightBudget;
  readonly sleep: Sleep;
  readonly logger?: Logger | undefined;
}

/** A longer pause than this is the caller's to plan, not ours to sleep through. */
export const PAUSE_MS_MAX = 120_000;
const WAITS_MAX = 10;

export function createRateGate(options: RateGateOptions): RateGate {
  const { venue, clock, budget, logger } = options;
  let pausedUntil = 0;
  let bannedUntil = 0;

  const waitMs = (weight: number): number => {
    const now = clock.now();
    if (now < bannedUntil) throw refuse(`has banned this address`, bannedUntil, now);
    if (now >= pausedUntil) return budget.take(weight);
    if (pausedUntil - now > PAUSE_MS_MAX) throw refuse('asked for a pause', pausedUntil, now);
    return pausedUntil - now;
  };
  const refuse = (what: string, until: number, now: number): AppError =>
    new AppError(
      'WICK_ETL_VENUE_RATE_LIMITED',
      `${venue} ${what} until ${formatInstant(epochMs(until))}; nothing is asked before then`,
      { retryable: true, details: { retryAfterMs: until - now } },
    );

  return {
    pass: async (weight, signal) => {
      for (let waits = 0; waits < WAITS_MAX; waits += 1) {
        signal?.throwIfAborted();
        const ms = waitMs(weight);
        if (ms === 0) return;
        logger?.info(
          { venue, ms, limit: budget.limit() },
          'waiting for the allowance of the venue',
        );
        await options.sleep(ms, signal);
      }
      throw new AppError(
        'WICK_ETL_VENUE_RATE_LIMITED',
        `the allowance of ${venue} did not free up in ${WAITS_MAX} waits; ask for less at once`,
        { retryable: true },
      );
    },
    pause: (ms) => {
      pausedUntil = Math.max(pausedUntil, clock.now() + ms);
    },
    ban: (ms) => {
      bannedUntil = Math.max(bannedUntil, clock.now() + ms);
    },
  };
}

/**
 * The gate that every request to one venue passes. It holds a request back while the allowance of
 * the window is used up or the venue has asked for a pause, and refuses it outright during a ban: a
 * banned client that goes on asking is banned for longer. Shared by all workers of a process, and
 * with shared limits by all processes.
 */
import { AppError } from '#core/errors.ts';
import { epochMs, formatInstant, type Clock } from '#core/time.ts';
import type { Logger } from '#platform/logger.ts';
import type { SharedLimits } from './limits-shared.ts';
import type { WeightBudget } from './weight-budget.ts';

export type Sleep = (ms: number, signal?: AbortSignal) => Promise<unknown>;

export interface RateGate {
  /** Resolves when a request of this weight may go. */
  pass(weight: number, signal?: AbortSignal): Promise<void>;
  /** The venue asked for a pause (429). */
  pause(ms: number): Promise<void>;
  /** The venue has banned us (418). */
  ban(ms: number): Promise<void>;
}

export interface RateGateOptions {
  readonly venue: string;
  readonly clock: Clock;
  readonly budget: WeightBudget;
  readonly sleep: Sleep;
  /** Null where this process is the only one to ask. */
  readonly shared: SharedLimits | null;
  readonly logger?: Logger | undefined;
}

/** A longer pause than this is the caller's to plan, not ours to sleep through. */
export const PAUSE_MS_MAX = 120_000;
const WAITS_MAX = 10;

export function createRateGate(options: RateGateOptions): RateGate {
  const { venue, clock, budget, shared, logger } = options;
  let pausedUntil = 0;
  let bannedUntil = 0;

  const refuse = (what: string, until: number, now: number): AppError =>
    new AppError(
      'WICK_ETL_VENUE_RATE_LIMITED',
      `${venue} ${what} until ${formatInstant(epochMs(until))}; nothing is asked before then`,
      { retryable: true, details: { retryAfterMs: until - now } },
    );
  const take = async (weight: number): Promise<number> => {
    const ms = budget.take(weight);
    if (ms > 0 || shared === null) return ms;
    const window = budget.window();
    const sum = await shared.add(venue, window, weight);
    if (sum === null || sum === weight || sum <= budget.usable()) return 0;
    budget.giveBack(weight);
    await shared.add(venue, window, -weight);
    return budget.untilNext();
  };
  const waitMs = async (weight: number): Promise<number> => {
    const told = (await shared?.leftAloneUntil(venue)) ?? null;
    pausedUntil = Math.max(pausedUntil, told?.pause ?? 0);
    bannedUntil = Math.max(bannedUntil, told?.ban ?? 0);
    const now = clock.now();
    if (now < bannedUntil) throw refuse(`has banned this address`, bannedUntil, now);
    if (now >= pausedUntil) return take(weight);
    if (pausedUntil - now > PAUSE_MS_MAX) throw refuse('asked for a pause', pausedUntil, now);
    return pausedUntil - now;
  };

  return {
    pass: async (weight, signal) => {
      for (let waits = 0; waits < WAITS_MAX; waits += 1) {
        signal?.throwIfAborted();
        const ms = await waitMs(weight);
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
    pause: async (ms) => {
      pausedUntil = Math.max(pausedUntil, clock.now() + ms);
      await shared?.leaveAlone(venue, 'pause', pausedUntil);
    },
    ban: async (ms) => {
      bannedUntil = Math.max(bannedUntil, clock.now() + ms);
      await shared?.leaveAlone(venue, 'ban', bannedUntil);
    },
  };
}

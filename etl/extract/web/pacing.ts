/**
 * Minimum interval between requests to one host. In: who is asked and how often that may be. Out: the
 * moment to go. Turns are given in the order of asking, so callers side by side wait for one another,
 * and through Redis those of other processes too; while it is away each process keeps its own turns.
 */
import { AppError } from '#core/errors.ts';
import type { Clock } from '#core/time.ts';
import type { Sleep } from '../rate-gate.ts';
import type { SharedPages } from './shared-pages.ts';

export interface Pacing {
  /**
   * Resolves when the host may be asked.
   * @param intervalMs to the next request, ms.
   * @throws AppError WICK_ETL_VENUE_RATE_LIMITED where the turn is further away than 10 minutes.
   */
  pass(host: string, intervalMs: number, signal?: AbortSignal): Promise<void>;
}

/** Longer queues are the caller's to plan. */
const WAIT_MS_MAX = 600_000;

/** Hosts are those of allow-lists, so the table is as bounded as they are. */
export function createPacing({
  clock,
  sleep,
  shared,
}: {
  readonly clock: Clock;
  readonly sleep: Sleep;
  /** Turns of other processes; absent where this one is alone. */
  readonly shared?: SharedPages | undefined;
}): Pacing {
  const freeAt = new Map<string, number>();
  return {
    pass: async (host, intervalMs, signal) => {
      const asked = { now: clock.now(), intervalMs, waitMsMax: WAIT_MS_MAX };
      const others = (await shared?.takeTurn(host, asked)) ?? 0;
      signal?.throwIfAborted();
      const now = clock.now();
      const turn = Math.max(asked.now + others, now, freeAt.get(host) ?? now);
      if (turn - now > WAIT_MS_MAX) {
        throw new AppError(
          'WICK_ETL_VENUE_RATE_LIMITED',
          `"${host}" is asked every ${intervalMs} ms, and the next turn is ${turn - now} ms away; ask for less at once`,
          { retryable: true, details: { host, retryAfterMs: turn - now } },
        );
      }
      freeAt.set(host, turn + intervalMs);
      if (turn > now) await sleep(turn - now, signal);
    },
  };
}

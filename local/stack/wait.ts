/** Waiting for a condition with a bound: the only way the local stack and the tests wait. */
import { setTimeout as delay } from 'node:timers/promises';
import { AppError, errorText } from '#core/errors.ts';

export interface WaitOptions {
  /** What is awaited, for the error: `Kafka Connect to answer on port 8083`. */
  readonly what: string;
  readonly timeoutMs: number;
  readonly intervalMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * Calls `check` until it returns something other than undefined, null or false.
 * A throwing check counts as "not yet"; its last error is the cause of the time-out.
 * @throws AppError WICK_LOCAL_ENGINE_FAILED after `timeoutMs`; the signal's reason when aborted.
 */
export async function waitFor<T>(
  check: () => Promise<T | undefined | null | false>,
  options: WaitOptions,
): Promise<T> {
  const deadline = performance.now() + options.timeoutMs;
  let last: unknown;
  for (;;) {
    options.signal?.throwIfAborted();
    try {
      const value = await check();
      if (value !== undefined && value !== null && value !== false) return value;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadline) {
      throw new AppError(
        'WICK_LOCAL_ENGINE_FAILED',
        `Waited ${Math.round(options.timeoutMs / 1000)} s for ${options.what}${last === undefined ? '' : ` (last: ${errorText(last)})`}`,
        { cause: last },
      );
    }
    await delay(options.intervalMs ?? 100);
  }
}

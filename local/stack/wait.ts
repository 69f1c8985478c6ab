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
 * A throwing check counts as "not yet"; its last error is the cause of the time-out. A check that
 * never answers does not stretch the bound.
 * @throws AppError WICK_LOCAL_ENGINE_FAILED after `timeoutMs`; the signal's reason when aborted.
 */
export async function waitFor<T>(
  check: () => Promise<T | undefined | null | false>,
  options: WaitOptions,
): Promise<T> {
  options.signal?.throwIfAborted();
  const end = Promise.withResolvers<never>();
  let over = false;
  let last: unknown;
  const timer = setTimeout(() => end.reject(timedOut(options, last)), options.timeoutMs);
  const onAbort = (): void => end.reject(options.signal?.reason);
  options.signal?.addEventListener('abort', onAbort, { once: true });
  const poll = async (): Promise<T> => {
    for (;;) {
      try {
        const value = await check();
        if (value !== undefined && value !== null && value !== false) return value;
        last = undefined;
      } catch (error) {
        last = error;
      }
      // Ends the loop behind a promise that nobody waits for any more.
      if (over) return end.promise;
      await delay(options.intervalMs ?? 100);
    }
  };
  try {
    return await Promise.race([poll(), end.promise]);
  } finally {
    over = true;
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', onAbort);
    end.promise.catch(() => undefined);
  }
}

function timedOut(options: WaitOptions, last: unknown): AppError {
  return new AppError(
    'WICK_LOCAL_ENGINE_FAILED',
    `Waited ${Math.round(options.timeoutMs / 1000)} s for ${options.what}${last === undefined ? '' : ` (last: ${errorText(last)})`}`,
    { cause: last },
  );
}

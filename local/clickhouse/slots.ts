/**
 * A bounded number of queries at once, and a bounded line before them. In: callers. Out: a release function,
 * once a place is free, first come first served. Invariant: never more than `running` places are out; a caller
 * whose signal aborts while waiting leaves the line.
 */
import { clickHouseError } from './clickhouse-error.ts';

export interface Slots {
  acquire(signal: AbortSignal): Promise<() => void>;
  readonly running: number;
}

export function createSlots(bounds: { running: number; waiting: number }): Slots {
  const line: (() => void)[] = [];
  let running = 0;
  const release = (): void => {
    const next = line.shift();
    if (next === undefined) running -= 1;
    else next();
  };
  const once = (): (() => void) => {
    let released = false;
    return () => {
      if (released) return;
      released = true;
      release();
    };
  };
  return {
    get running() {
      return running;
    },
    async acquire(signal) {
      signal.throwIfAborted();
      if (running < bounds.running) {
        running += 1;
        return once();
      }
      if (line.length >= bounds.waiting) {
        throw clickHouseError(
          'TOO_MANY_SIMULTANEOUS_QUERIES',
          `Too many simultaneous queries. Maximum: ${bounds.running} running and ${bounds.waiting} waiting`,
        );
      }
      await new Promise<void>((resolve, reject) => {
        const leave = (): void => {
          const at = line.indexOf(enter);
          if (at !== -1) line.splice(at, 1);
          reject(clickHouseError('ABORTED', 'The query was ended while it waited for a place'));
        };
        const enter = (): void => {
          signal.removeEventListener('abort', leave);
          resolve();
        };
        line.push(enter);
        signal.addEventListener('abort', leave, { once: true });
      });
      return once();
    },
  };
}

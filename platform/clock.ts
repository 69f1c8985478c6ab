/** The system clock and a stepped one: the only two places a `Clock` comes from. */
import { epochMs, type Clock, type EpochMs } from '#core/time.ts';

export const systemClock: Clock = { now: () => epochMs(Date.now()) };

/** A clock that stands still until told otherwise; for tests and replays. */
export function createManualClock(start: EpochMs): Clock & { set(now: EpochMs): void } {
  let current = start;
  return {
    now: () => current,
    set: (now) => {
      current = now;
    },
  };
}

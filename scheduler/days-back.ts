/** A time some days ago. In: now, days. Out: a time, never before the first that we take for one. */
import { epochMs, type EpochMs } from '#core/time.ts';

const DAY_MS = 86_400_000;
const EARLIEST = Date.UTC(1990, 0, 1);

export function daysBack(now: EpochMs, days: number): EpochMs {
  return epochMs(Math.max(EARLIEST, now - days * DAY_MS));
}

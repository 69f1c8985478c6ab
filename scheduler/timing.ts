/**
 * When a job is due: moments that follow from its declaration alone, so that every scheduler comes to
 * the same ones. In: a cron expression, or an interval whose candles close. Out: the first moment after
 * a given one. No timer, no clock.
 */
import { createTask, parse, validateDetailed } from 'node-cron';
import { nextOpen, nominalWidthMs, type Interval } from '#core/interval.ts';
import { epochMs, type EpochMs } from '#core/time.ts';

export interface Timing {
  /** As declared; equal texts have equal moments. */
  readonly text: string;
  /** The first moment after this one. */
  next(after: EpochMs): EpochMs;
}

const DAY_MS = 86_400_000;
const WEEK_MS = 7 * DAY_MS;
/** The first Monday after the epoch. */
const MONDAY_MS = 4 * DAY_MS;
/** A leap day comes within this many days, also around a century that has none. */
const DAYS_SEARCHED_MAX = 366 * 8 + 1;

/** Why a cron expression is none; null where it is one. */
export function cronProblem(expression: string): string | null {
  const { valid, errors } = validateDetailed(expression);
  return valid ? null : errors.map(({ message }) => message).join('; ');
}

/** @param expression node-cron, seconds first where there are six fields; UTC. It has to be valid. */
export function cronTiming(expression: string): Timing {
  const { second, minute, hour } = parse(expression);
  const times = timesOfDay(hour, minute, second);
  const task = createTask(expression, () => undefined, { timezone: 'Etc/UTC' });
  return {
    text: `cron ${expression}`,
    next: (after) => {
      const today = Math.floor(after / DAY_MS) * DAY_MS;
      for (let day = 0; day < DAYS_SEARCHED_MAX; day += 1) {
        const midnight = today + day * DAY_MS;
        const time = firstAfter(times, after - midnight);
        // Within a day only the date can still be wrong.
        if (time !== null && task.match(new Date(midnight + time))) return epochMs(midnight + time);
      }
      throw new RangeError(`"${expression}" never comes: no such date exists`);
    },
  };
}

/** At each close of the interval on the UTC grid, and `delayMs` for the venue to know of it. */
export function closeTiming(interval: Interval, delayMs: number): Timing {
  return {
    text: `at close of ${interval} plus ${delayMs} ms`,
    next: (after) => epochMs(closeAfter(interval, epochMs(after - delayMs)) + delayMs),
  };
}

function closeAfter(interval: Interval, after: EpochMs): EpochMs {
  if (interval === '1M') return nextOpen(interval, after);
  const width = nominalWidthMs(interval);
  const anchor = width === WEEK_MS ? MONDAY_MS : 0;
  return epochMs(anchor + (Math.floor((after - anchor) / width) + 1) * width);
}

/** Milliseconds since midnight, ascending. */
function timesOfDay(
  hours: readonly number[],
  minutes: readonly number[],
  seconds: readonly number[],
): readonly number[] {
  const ascending = (list: readonly number[]): number[] => [...list].sort((a, b) => a - b);
  const times: number[] = [];
  for (const hour of ascending(hours)) {
    for (const minute of ascending(minutes)) {
      for (const second of ascending(seconds)) {
        times.push(((hour * 60 + minute) * 60 + second) * 1000);
      }
    }
  }
  return times;
}

function firstAfter(times: readonly number[], after: number): number | null {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((times[middle] ?? Infinity) > after) high = middle;
    else low = middle + 1;
  }
  return times[low] ?? null;
}

/**
 * Candle intervals: width, grid and neighbours. Pure calendar arithmetic in UTC.
 * A candle covers `[openTime, nextOpen(openTime))`.
 */
import { epochMs, type EpochMs } from './time.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Widths in milliseconds; a calendar month has none. */
const WIDTH_MS = {
  '1m': MINUTE,
  '3m': 3 * MINUTE,
  '5m': 5 * MINUTE,
  '15m': 15 * MINUTE,
  '30m': 30 * MINUTE,
  '1h': HOUR,
  '2h': 2 * HOUR,
  '4h': 4 * HOUR,
  '6h': 6 * HOUR,
  '8h': 8 * HOUR,
  '12h': 12 * HOUR,
  '1d': DAY,
  '3d': 3 * DAY,
  '1w': 7 * DAY,
  '1M': null,
} as const;

/** How long a candle lasts; `1M` is a calendar month. */
export type Interval = keyof typeof WIDTH_MS;

/** All intervals, shortest first. */
export const INTERVALS = Object.keys(WIDTH_MS) as readonly Interval[];

/** True for an interval that we know. */
export function isInterval(text: string): text is Interval {
  return Object.hasOwn(WIDTH_MS, text);
}

/** @throws RangeError that names the text and lists what is known. */
export function parseInterval(text: string): Interval {
  if (!isInterval(text)) {
    throw new RangeError(`"${text}" is not an interval; known are ${INTERVALS.join(', ')}`);
  }
  return text;
}

/** Open time of the candle that follows the one opening at `openTime`. */
export function nextOpen(interval: Interval, openTime: EpochMs): EpochMs {
  return epochMs(endOf(interval, openTime));
}

/** The same as a plain number of milliseconds: that of the last candle lies beyond the times we take. */
export function endOf(interval: Interval, openTime: EpochMs): number {
  const width = WIDTH_MS[interval];
  if (width !== null) return openTime + width;
  const date = new Date(openTime);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
}

/**
 * True where the open time lies on the interval's UTC grid. Venues anchor 3d and 1w differently,
 * so there any UTC midnight is on the grid.
 */
export function isOnGrid(interval: Interval, openTime: EpochMs): boolean {
  const width = WIDTH_MS[interval];
  if (width === null) {
    return openTime % DAY === 0 && new Date(openTime).getUTCDate() === 1;
  }
  return openTime % Math.min(width, DAY) === 0;
}

/** Nominal width in milliseconds; a month counts as 30 days. For estimates only, never for a grid. */
export function nominalWidthMs(interval: Interval): number {
  return WIDTH_MS[interval] ?? 30 * DAY;
}

/**
 * Ranges of open times that hold closed candles only. In: an interval and a now. Out: half-open ranges.
 * Venues anchor 3d and 1w differently, so nothing here depends on where their grid lies.
 */
import { nominalWidthMs, type Interval } from '#core/interval.ts';
import { epochMs, type EpochMs } from '#core/time.ts';

export interface CandleRange {
  readonly from: EpochMs;
  /** Exclusive. */
  readonly to: EpochMs;
}

const DAY_MS = 86_400_000;

/** Every candle that opens before this has closed by `now`, and every later one has not. */
export function closedUntil(interval: Interval, now: EpochMs): EpochMs {
  if (interval === '1M') return monthStart(now, 0);
  const width = nominalWidthMs(interval);
  // Up to a day the grid is UTC's, and its edges make ranges that are equal from call to call.
  if (width <= DAY_MS) return epochMs(Math.floor(now / width) * width);
  return epochMs(now - width + 1);
}

/** Holds the newest `count` closed candles, where the venue has one at each place of its grid. */
export function newestClosed(interval: Interval, now: EpochMs, count: number): CandleRange {
  const to = closedUntil(interval, now);
  if (interval === '1M') return { from: monthStart(now, count), to };
  return { from: epochMs(to - count * nominalWidthMs(interval)), to };
}

function monthStart(now: EpochMs, back: number): EpochMs {
  const date = new Date(now);
  return epochMs(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() - back, 1));
}

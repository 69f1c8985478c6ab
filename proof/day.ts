/** A bucket of the proof: one series on one UTC day. */
import type { Series } from '#core/candle.ts';
import { parseSeries } from '#core/series-list.ts';
import { epochMs, parseInstant, type EpochMs } from '#core/time.ts';

export const DAY_MS = 86_400_000;

export interface Day {
  readonly series: Series;
  readonly from: EpochMs;
  /** Its end, exclusive. */
  readonly to: EpochMs;
}

/** @throws Error for what is not `series day`. */
export function parseDay(bucket: string): Day {
  const at = bucket.lastIndexOf(' ');
  const series = parseSeries(bucket.slice(0, at));
  if (series === null) throw new Error(`"${bucket}" does not begin with a series`);
  const from = parseInstant(`${bucket.slice(at + 1)}T00:00:00Z`);
  return { series, from, to: epochMs(from + DAY_MS) };
}

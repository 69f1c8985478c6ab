/**
 * True range: the span a bar covers together with the close before it. In: a bar and that close.
 * Out: a distance in price units, never negative.
 */
import type { Bar } from '../bar.ts';

/** `max(high - low, |high - previousClose|, |low - previousClose|)`. */
export function trueRange(bar: Bar, previousClose: number): number {
  let range = bar.high - bar.low;
  const above = Math.abs(bar.high - previousClose);
  if (above > range) range = above;
  const below = Math.abs(bar.low - previousClose);
  return below > range ? below : range;
}

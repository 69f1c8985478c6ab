/**
 * The session of 24-hour markets: the UTC day. And the typical price that session averages weigh.
 * Pure arithmetic on open times and prices.
 */
import type { Bar } from '../bar.ts';

const DAY_MS = 86_400_000;

/** Days are numbered from 1970-01-01; none of ours is 0, which therefore means "no session yet". */
export const NO_SESSION = 0;
/** 2100-01-01, the end of the times that the project accepts. */
export const SESSION_MAX = 47_482;

/** The UTC day in which a bar opens; bars of a day or longer are each a session of their own. */
export function sessionOf(bar: Bar): number {
  return Math.floor(bar.openTime / DAY_MS);
}

/**
 * (high + low + close) / 3, taken from the low upwards, so that a bar without a range has exactly
 * its price. Differs from the plain sum by rounding only.
 */
export function typicalPrice(bar: Bar): number {
  return bar.low + (bar.high - bar.low + (bar.close - bar.low)) / 3;
}

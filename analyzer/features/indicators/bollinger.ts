/**
 * Bollinger bands. In: closes. Out: their mean, the mean plus and minus k standard deviations, and
 * where the newest close lies between the bands. Window only: nothing older counts.
 */
import { output, periodParameter, type IndicatorSpec } from '../indicator.ts';
import { CloseWindow } from '../kernels/close-window.ts';
import type { RollingWindow } from '../kernels/rolling-window.ts';

/**
 * Bollinger bands: how far from usual the close is, in units of its own recent spread.
 *
 * Formula: `middle = mean`, `upper, lower = middle ± k * sd` with the population standard deviation
 * (divided by n) of the last n closes; `percent_b = (close - lower) / (upper - lower)`.
 * Input: close. Units: price for the bands (a lower band may lie below zero), ratio for percent_b:
 * 0 at the lower band, 1 at the upper, beyond where the close is outside.
 * Seed: none. Warm-up: n bars. Memory: the last n bars decide every bit.
 * Null: before warm-up; percent_b also where the bands coincide (flat window).
 * @see TA-Lib `TA_BBANDS` (src/ta_func/ta_BBANDS.c), simple average; equal up to the rounding of
 * its running sums of squares. J. Bollinger, Bollinger on Bollinger Bands, 2001, for percent_b.
 */
export const bollinger: IndicatorSpec = {
  name: 'bollinger',
  revision: 1,
  summary: 'Bollinger bands and %B of the close',
  memory: 'window',
  parameters: [
    periodParameter(20),
    { name: 'deviations', default: 2, min: 0.1, max: 10, integer: false },
  ],
  outputs: [
    output('middle', 'price', 0),
    output('upper', 'price', 0),
    output('lower', 'price'),
    output('percent_b', 'ratio'),
  ],
  warmUp: (period: number) => [period, period, period, period],
  create: (period: number, deviations: number) =>
    new CloseWindow(period, 4, (closes, target, at) => {
      writeBands(closes, deviations, target, at);
    }),
};

function writeBands(
  closes: RollingWindow,
  deviations: number,
  target: Float64Array,
  at: number,
): void {
  const middle = closes.mean();
  const reach = deviations * Math.sqrt(closes.squaresAround(middle) / closes.size);
  const upper = middle + reach;
  const lower = middle - reach;
  target[at] = middle;
  target[at + 1] = upper;
  target[at + 2] = lower;
  target[at + 3] = upper > lower ? (closes.newest - lower) / (upper - lower) : NaN;
}

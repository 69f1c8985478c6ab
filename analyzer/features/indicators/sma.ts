/**
 * Simple moving average. In: closes. Out: their mean over the last n bars. The state is the window,
 * so values depend on nothing older.
 */
import { output, periodParameter, type IndicatorSpec } from '../indicator.ts';
import { CloseWindow } from '../kernels/close-window.ts';

/**
 * SMA: the level around which the last n closes lie.
 *
 * Formula: `(close[0] + … + close[n-1]) / n`. Input: close. Unit: price; range: above zero.
 * Seed: none. Warm-up: n bars. Memory: the last n bars decide every bit.
 * Null: before warm-up only.
 * @see TA-Lib `TA_SMA` (src/ta_func/ta_SMA.c); equal up to the rounding of its running sum.
 */
export const sma: IndicatorSpec = {
  name: 'sma',
  revision: 1,
  summary: 'Simple moving average of the close',
  memory: 'window',
  parameters: [periodParameter(20, 1)],
  outputs: [output('sma', 'price', 0)],
  warmUp: (period: number) => [period],
  create: (period: number) =>
    new CloseWindow(period, 1, (closes, target, at) => {
      target[at] = closes.mean();
    }),
};

/**
 * Log return. In: closes. Out: the logarithm of the price ratio over n bars. Window only. The
 * logarithm is the engine's own: equal bits are promised within one Node version, as everywhere.
 */
import { output, periodParameter, type IndicatorSpec } from '../indicator.ts';
import { CloseWindow } from '../kernels/close-window.ts';

/**
 * Log return: like the simple return for small moves, but additive over time.
 *
 * Formula: `ln(close / close[n bars ago])`. Input: close. Unit: ratio, either sign.
 * Seed: none. Warm-up: n + 1 bars. Memory: the last n + 1 bars decide every bit.
 * Null: before warm-up only.
 * ECMAScript leaves the last bit of `Math.log` to the engine; Node is pinned, so live and replay
 * agree, while another Node version may differ in the last bit.
 * @see TA-Lib `TA_LN` of `TA_ROCR` (src/ta_func/ta_LN.c, ta_ROCR.c).
 */
export const logReturn: IndicatorSpec = {
  name: 'log_return',
  revision: 1,
  summary: 'Logarithm of the close ratio over n bars',
  memory: 'window',
  parameters: [periodParameter(1, 1)],
  outputs: [output('log_return', 'ratio')],
  warmUp: (period: number) => [period + 1],
  create: (period: number) =>
    new CloseWindow(period + 1, 1, (closes, target, at) => {
      target[at] = Math.log(closes.newest / closes.oldest);
    }),
};

/**
 * Simple return. In: closes. Out: the relative change over n bars. Window only.
 */
import { output, periodParameter, type IndicatorSpec } from '../indicator.ts';
import { CloseWindow } from '../kernels/close-window.ts';

/**
 * Simple return: what a holder gained over the last n bars; 0.01 is one percent.
 *
 * Formula: `close / close[n bars ago] - 1`. Input: close. Unit: ratio; range: -1 and up.
 * Seed: none. Warm-up: n + 1 bars. Memory: the last n + 1 bars decide every bit.
 * Null: before warm-up only.
 * @see TA-Lib `TA_ROCP` (src/ta_func/ta_ROCP.c).
 */
export const simpleReturn: IndicatorSpec = {
  name: 'simple_return',
  revision: 1,
  summary: 'Relative change of the close over n bars',
  memory: 'window',
  parameters: [periodParameter(1, 1)],
  outputs: [output('return', 'ratio', -1)],
  warmUp: (period: number) => [period + 1],
  create: (period: number) =>
    new CloseWindow(period + 1, 1, (closes, target, at) => {
      target[at] = closes.newest / closes.oldest - 1;
    }),
};

/**
 * Simple return. In: closes. Out: the relative change over n bars. Window only.
 */
import type { Bar } from '../bar.ts';
import {
  assertHasBar,
  output,
  periodParameter,
  type Indicator,
  type IndicatorSpec,
} from '../indicator.ts';
import { RollingWindow } from '../kernels/rolling-window.ts';
import type { StateReader } from '../state-reader.ts';

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
  create: (period: number) => new SimpleReturn(period),
};

class SimpleReturn implements Indicator {
  readonly #closes: RollingWindow;

  constructor(period: number) {
    this.#closes = new RollingWindow(period + 1);
  }

  add(bar: Bar): void {
    this.#closes.push(bar.close);
  }

  replace(bar: Bar): void {
    assertHasBar(this.#closes.size);
    this.#closes.replaceNewest(bar.close);
  }

  write(target: Float64Array, at: number): void {
    const closes = this.#closes;
    target[at] = closes.isFull ? closes.newest / closes.oldest - 1 : NaN;
  }

  save(into: number[]): void {
    this.#closes.save(into);
  }

  restore(from: StateReader): void {
    this.#closes.restore(from);
  }
}

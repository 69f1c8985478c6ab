/**
 * Simple moving average. In: closes. Out: their mean over the last n bars. The state is the window,
 * so values depend on nothing older.
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
  create: (period: number) => new Sma(period),
};

class Sma implements Indicator {
  readonly #closes: RollingWindow;

  constructor(period: number) {
    this.#closes = new RollingWindow(period);
  }

  add(bar: Bar): void {
    this.#closes.push(bar.close);
  }

  replace(bar: Bar): void {
    assertHasBar(this.#closes.size);
    this.#closes.replaceNewest(bar.close);
  }

  write(target: Float64Array, at: number): void {
    target[at] = this.#closes.isFull ? this.#closes.mean() : NaN;
  }

  save(into: number[]): void {
    this.#closes.save(into);
  }

  restore(from: StateReader): void {
    this.#closes.restore(from);
  }
}

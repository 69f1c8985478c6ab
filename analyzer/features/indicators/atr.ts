/**
 * Average true range. In: high, low, close. Out: Wilder's average of how far price travels in a bar,
 * the jump from the last close included.
 */
import type { Bar } from '../bar.ts';
import { output, periodParameter, type Indicator, type IndicatorSpec } from '../indicator.ts';
import { ClosePair } from '../kernels/close-pair.ts';
import { trueRange } from '../kernels/true-range.ts';
import { WilderAverage } from '../kernels/wilder-average.ts';
import type { StateReader } from '../state-reader.ts';

/**
 * ATR: volatility in price units, the usual yardstick for stops.
 *
 * Formula: Wilder average of `max(high - low, |high - close'|, |low - close'|)`, close' the close
 * before. Input: high, low, close. Unit: price; range: 0 and up.
 * Seed: the mean of the first n true ranges, of which the first bar has none. Warm-up: n + 1 bars.
 * Memory: recursive. Null: before warm-up only.
 * @see TA-Lib `TA_ATR` (src/ta_func/ta_ATR.c); J. W. Wilder, New Concepts in Technical Trading
 * Systems, 1978.
 */
export const atr: IndicatorSpec = {
  name: 'atr',
  revision: 1,
  summary: 'Average true range (Wilder)',
  memory: 'recursive',
  parameters: [periodParameter(14)],
  outputs: [output('atr', 'price', 0)],
  warmUp: (period: number) => [period + 1],
  create: (period: number) => new Atr(period),
};

class Atr implements Indicator {
  readonly #closes = new ClosePair();
  readonly #average: WilderAverage;

  constructor(period: number) {
    this.#average = new WilderAverage(period);
  }

  add(bar: Bar): void {
    this.#closes.add(bar.close);
    if (this.#closes.isReady) this.#average.add(trueRange(bar, this.#closes.previous));
  }

  replace(bar: Bar): void {
    this.#closes.replace(bar.close);
    if (this.#closes.isReady) this.#average.replace(trueRange(bar, this.#closes.previous));
  }

  write(target: Float64Array, at: number): void {
    target[at] = this.#average.isReady ? this.#average.value : NaN;
  }

  save(into: number[]): void {
    this.#closes.save(into);
    this.#average.save(into);
  }

  restore(from: StateReader): void {
    this.#closes.restore(from);
    this.#average.restore(from);
  }
}

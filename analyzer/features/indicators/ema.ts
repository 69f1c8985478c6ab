/**
 * Exponential moving average. In: closes. Out: an average in which each older close weighs less by
 * a constant factor. All bars since the first count, so its state, not its window, must be kept.
 */
import type { Bar } from '../bar.ts';
import {
  assertHasBar,
  output,
  periodParameter,
  type Indicator,
  type IndicatorSpec,
} from '../indicator.ts';
import { SeededEma } from '../kernels/seeded-ema.ts';
import type { StateReader } from '../state-reader.ts';

/**
 * EMA: a faster-moving level than the SMA of the same length.
 *
 * Formula: `ema += (close - ema) * 2 / (n + 1)`. Input: close. Unit: price; range: above zero.
 * Seed: the mean of the first n closes. Warm-up: n bars. Memory: recursive; a bar's weight falls
 * below 1e-9 after about 10.4 n bars.
 * Null: before warm-up only.
 * @see TA-Lib `TA_EMA` (src/ta_func/ta_EMA.c), default compatibility.
 */
export const ema: IndicatorSpec = {
  name: 'ema',
  revision: 1,
  summary: 'Exponential moving average of the close',
  memory: 'recursive',
  parameters: [periodParameter(20)],
  outputs: [output('ema', 'price', 0)],
  warmUp: (period: number) => [period],
  create: (period: number) => new Ema(period),
};

class Ema implements Indicator {
  readonly #average: SeededEma;
  /** 0 until the first bar, then 1. */
  #hasBar = 0;

  constructor(period: number) {
    this.#average = new SeededEma(period);
  }

  add(bar: Bar): void {
    this.#hasBar = 1;
    this.#average.add(bar.close);
  }

  replace(bar: Bar): void {
    assertHasBar(this.#hasBar);
    this.#average.replace(bar.close);
  }

  write(target: Float64Array, at: number): void {
    target[at] = this.#average.isReady ? this.#average.value : NaN;
  }

  save(into: number[]): void {
    into.push(this.#hasBar);
    this.#average.save(into);
  }

  restore(from: StateReader): void {
    this.#hasBar = from.takeCount(1);
    this.#average.restore(from);
  }
}

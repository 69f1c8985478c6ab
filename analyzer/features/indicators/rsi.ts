/**
 * Wilder's relative strength index. In: closes. Out: the share of upward movement in all movement,
 * 0 to 100. A market that has not moved at all has no such share: null, not an extreme.
 */
import type { Bar } from '../bar.ts';
import { output, periodParameter, type Indicator, type IndicatorSpec } from '../indicator.ts';
import { ClosePair } from '../kernels/close-pair.ts';
import { WilderAverage } from '../kernels/wilder-average.ts';
import type { StateReader } from '../state-reader.ts';

/**
 * RSI: below 30 is commonly read as oversold, above 70 as overbought.
 *
 * Formula: `100 * gain / (gain + loss)`, Wilder averages of the rises and of the falls from close to
 * close. Input: close. Unit: percent; range: 0 to 100.
 * Seed: the means of the first n rises and falls. Warm-up: n + 1 bars. Memory: recursive.
 * Null: before warm-up, and while no close has ever differed from the one before (0 / 0), where
 * TA-Lib writes 0, which reads as the strongest fall.
 * @see TA-Lib `TA_RSI` (src/ta_func/ta_RSI.c); J. W. Wilder, New Concepts in Technical Trading
 * Systems, 1978.
 */
export const rsi: IndicatorSpec = {
  name: 'rsi',
  revision: 1,
  summary: 'Relative strength index (Wilder)',
  memory: 'recursive',
  parameters: [periodParameter(14)],
  outputs: [output('rsi', 'percent', 0, 100)],
  warmUp: (period: number) => [period + 1],
  create: (period: number) => new Rsi(period),
};

class Rsi implements Indicator {
  readonly #closes = new ClosePair();
  readonly #gain: WilderAverage;
  readonly #loss: WilderAverage;

  constructor(period: number) {
    this.#gain = new WilderAverage(period);
    this.#loss = new WilderAverage(period);
  }

  add(bar: Bar): void {
    this.#closes.add(bar.close);
    if (!this.#closes.isReady) return;
    const move = this.#closes.current - this.#closes.previous;
    this.#gain.add(move > 0 ? move : 0);
    this.#loss.add(move < 0 ? -move : 0);
  }

  replace(bar: Bar): void {
    this.#closes.replace(bar.close);
    if (!this.#closes.isReady) return;
    const move = this.#closes.current - this.#closes.previous;
    this.#gain.replace(move > 0 ? move : 0);
    this.#loss.replace(move < 0 ? -move : 0);
  }

  write(target: Float64Array, at: number): void {
    const moved = this.#gain.value + this.#loss.value;
    target[at] = this.#gain.isReady && moved > 0 ? 100 * (this.#gain.value / moved) : NaN;
  }

  save(into: number[]): void {
    this.#closes.save(into);
    this.#gain.save(into);
    this.#loss.save(into);
  }

  restore(from: StateReader): void {
    this.#closes.restore(from);
    this.#gain.restore(from);
    this.#loss.restore(from);
  }
}

/**
 * Moving average convergence/divergence. In: closes. Out: the distance of a fast EMA from a slow
 * one, an EMA of that distance, and the difference of the two. Seeds are aligned as in TA-Lib, so
 * early values differ from the difference of two stand-alone EMAs.
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
 * MACD: momentum as the gap between two averages; the histogram's sign says which way it turns.
 *
 * Formula: `macd = ema(fast) - ema(slow)`, `signal = ema(macd, signal)`, `hist = macd - signal`.
 * Input: close. Unit: price, of either sign; unbounded.
 * Seed: both price EMAs from means that end on the same bar (the slow one's n-th), so the fast one
 * skips the first slow - fast bars; the signal from the mean of its first n macd values.
 * Warm-up: slow + signal - 1 bars for all three outputs. Memory: recursive.
 * Null: before warm-up only.
 * @see TA-Lib `TA_MACD` (src/ta_func/ta_MACD.c); Tulip's fixed 0.15/0.075 weights are another
 * indicator.
 */
export const macd: IndicatorSpec = {
  name: 'macd',
  revision: 1,
  summary: 'Moving average convergence/divergence of the close',
  memory: 'recursive',
  parameters: [
    periodParameter(12, 2, 'fast'),
    periodParameter(26, 3, 'slow'),
    periodParameter(9, 1, 'signal'),
  ],
  outputs: [output('macd', 'price'), output('signal', 'price'), output('hist', 'price')],
  warmUp: (_fast: number, slow: number, signal: number) => {
    const bars = slow + signal - 1;
    return [bars, bars, bars];
  },
  create: (fast: number, slow: number, signal: number) => {
    if (fast >= slow) {
      throw new RangeError(`macd: fast = ${fast} must be shorter than slow = ${slow}`);
    }
    return new Macd(fast, slow, signal);
  },
};

class Macd implements Indicator {
  readonly #fast: SeededEma;
  readonly #slow: SeededEma;
  readonly #signal: SeededEma;
  /** Leading bars that only the slow average takes. */
  readonly #slowOnly: number;
  /** Bars taken, counted up to `#slowOnly + 1`. */
  #seen = 0;

  constructor(fast: number, slow: number, signal: number) {
    this.#fast = new SeededEma(fast);
    this.#slow = new SeededEma(slow);
    this.#signal = new SeededEma(signal);
    this.#slowOnly = slow - fast;
  }

  add(bar: Bar): void {
    if (this.#seen <= this.#slowOnly) this.#seen += 1;
    this.#slow.add(bar.close);
    if (this.#seen > this.#slowOnly) this.#fast.add(bar.close);
    if (this.#slow.isReady) this.#signal.add(this.#fast.value - this.#slow.value);
  }

  replace(bar: Bar): void {
    assertHasBar(this.#seen);
    this.#slow.replace(bar.close);
    if (this.#seen > this.#slowOnly) this.#fast.replace(bar.close);
    if (this.#slow.isReady) this.#signal.replace(this.#fast.value - this.#slow.value);
  }

  write(target: Float64Array, at: number): void {
    const isReady = this.#signal.isReady;
    const line = this.#fast.value - this.#slow.value;
    target[at] = isReady ? line : NaN;
    target[at + 1] = isReady ? this.#signal.value : NaN;
    target[at + 2] = isReady ? line - this.#signal.value : NaN;
  }

  save(into: number[]): void {
    into.push(this.#seen);
    this.#fast.save(into);
    this.#slow.save(into);
    this.#signal.save(into);
  }

  restore(from: StateReader): void {
    this.#seen = from.takeCount(this.#slowOnly + 1);
    this.#fast.restore(from);
    this.#slow.restore(from);
    this.#signal.restore(from);
  }
}

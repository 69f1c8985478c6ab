/**
 * Wilder's directional movement system. In: high, low, close. Out: how strong the trend is (ADX) and
 * how much of the range went up (+DI) and down (-DI). The sums behind it are Wilder's decaying sums,
 * in TA-Lib's order of operations.
 */
import type { Bar } from '../bar.ts';
import {
  assertHasBar,
  output,
  periodParameter,
  type Indicator,
  type IndicatorSpec,
} from '../indicator.ts';
import { BeforeAndNow } from '../kernels/before-and-now.ts';
import { trueRange } from '../kernels/true-range.ts';
import type { StateReader } from '../state-reader.ts';

/**
 * ADX, +DI, -DI: an ADX above 20 to 25 is commonly read as a trend; the larger DI says which way.
 *
 * Formula: per bar `up = high - high'`, `down = low' - low`; +DM = up where up > down and up > 0,
 * -DM = down where down > up and down > 0, else 0. Decaying sums `s = s - s / n + x` of +DM, -DM and
 * the true range. `+DI = 100 * +DM / TR`, `-DI` likewise, `DX = 100 * |+DI - -DI| / (+DI + -DI)`,
 * ADX = Wilder average of DX. Input: high, low, close. Unit: percent; range: 0 to 100.
 * Seed: the sums from bars 2 to n; ADX from the mean of the first n DX. Warm-up: n + 1 bars for the
 * DIs, 2 n for ADX. Memory: recursive.
 * Null: before warm-up only. Without any range both DIs are 0; where both DIs are 0, DX has no value
 * and ADX stays as it was (TA-Lib does the same, but takes anything below 1e-14 for zero).
 * @see TA-Lib `TA_ADX`, `TA_PLUS_DI`, `TA_MINUS_DI` (src/ta_func/ta_ADX.c and siblings); J. W.
 * Wilder, New Concepts in Technical Trading Systems, 1978.
 */
export const adx: IndicatorSpec = {
  name: 'adx',
  revision: 1,
  summary: 'Average directional index with +DI and -DI (Wilder)',
  memory: 'recursive',
  parameters: [periodParameter(14)],
  outputs: [
    output('adx', 'percent', 0, 100),
    output('plus_di', 'percent', 0, 100),
    output('minus_di', 'percent', 0, 100),
  ],
  warmUp: (period: number) => [2 * period, period + 1, period + 1],
  create: (period: number) => new Adx(period),
};

class Adx implements Indicator {
  readonly #period: number;
  readonly #sums;

  constructor(period: number) {
    this.#period = period;
    this.#sums = new BeforeAndNow(noSums, { seen: 2 * period });
  }

  add(bar: Bar): void {
    this.#sums.advance();
    this.#apply(bar);
  }

  replace(bar: Bar): void {
    assertHasBar(this.#sums.now.seen);
    this.#apply(bar);
  }

  write(target: Float64Array, at: number): void {
    const { seen, adx, plus, minus, range } = this.#sums.now;
    const hasDi = seen > this.#period;
    target[at] = seen === 2 * this.#period ? adx : NaN;
    target[at + 1] = hasDi ? directionalIndex(plus, range) : NaN;
    target[at + 2] = hasDi ? directionalIndex(minus, range) : NaN;
  }

  save(into: number[]): void {
    this.#sums.save(into);
  }

  restore(from: StateReader): void {
    this.#sums.restore(from);
  }

  #apply(bar: Bar): void {
    const { before, now } = this.#sums;
    const period = this.#period;
    now.high = bar.high;
    now.low = bar.low;
    now.close = bar.close;
    if (before.seen === 0) {
      now.seen = 1;
      now.plus = now.minus = now.range = now.adx = 0;
      return;
    }
    const isSeeding = before.seen < period;
    const up = bar.high - before.high;
    const down = before.low - bar.low;
    const plus = up > down && up > 0 ? up : 0;
    const minus = down > up && down > 0 ? down : 0;
    now.plus = (isSeeding ? before.plus : before.plus - before.plus / period) + plus;
    now.minus = (isSeeding ? before.minus : before.minus - before.minus / period) + minus;
    now.range =
      (isSeeding ? before.range : before.range - before.range / period) +
      trueRange(bar, before.close);
    now.seen = before.seen < 2 * period ? before.seen + 1 : before.seen;
    now.adx = isSeeding ? 0 : this.#nextAdx();
  }

  #nextAdx(): number {
    const { before, now } = this.#sums;
    const period = this.#period;
    const plusDi = directionalIndex(now.plus, now.range);
    const minusDi = directionalIndex(now.minus, now.range);
    const both = plusDi + minusDi;
    const isAveraging = before.seen === 2 * period;
    let next = before.adx;
    if (both > 0) {
      const dx = 100 * (Math.abs(minusDi - plusDi) / both);
      next = isAveraging ? (before.adx * (period - 1) + dx) / period : before.adx + dx;
    }
    return before.seen === 2 * period - 1 ? next / period : next;
  }
}

/** 100 * movement / range; 0 where there was no range at all. */
function directionalIndex(movement: number, range: number): number {
  return range > 0 ? 100 * (movement / range) : 0;
}

/** `seen` counts bars up to 2 n; `adx` is the running sum of DX until the first ADX. */
function noSums() {
  return { seen: 0, high: 0, low: 0, close: 0, plus: 0, minus: 0, range: 0, adx: 0 };
}

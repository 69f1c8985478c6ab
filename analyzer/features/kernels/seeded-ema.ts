/**
 * Exponential average seeded with the simple average of its first n numbers, as TA-Lib does:
 * `ema += (x - ema) * 2 / (n + 1)`. The seed is built as a running mean, so that the average of a
 * price that does not move is that price, to the bit; `value` is that mean until it is ready.
 */
import { SeededAverage } from './seeded-average.ts';

export class SeededEma extends SeededAverage {
  readonly #weight: number;

  constructor(period: number) {
    super(period);
    this.#weight = 2 / (period + 1);
  }

  protected seed(before: number, value: number, seen: number): number {
    return before + (value - before) / seen;
  }

  protected next(before: number, value: number): number {
    return (value - before) * this.#weight + before;
  }
}

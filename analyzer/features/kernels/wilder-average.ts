/**
 * Wilder's smoothing, seeded with the simple average of its first n numbers, as TA-Lib does:
 * `average = (average * (n - 1) + x) / n`. Takes numbers >= 0. The seed is a sum until its last
 * number; `value` is that sum until it is ready.
 */
import { SeededAverage } from './seeded-average.ts';

export class WilderAverage extends SeededAverage {
  protected seed(before: number, value: number, seen: number): number {
    const sum = before + value;
    return seen === this.period ? sum / this.period : sum;
  }

  protected next(before: number, value: number): number {
    return (before * (this.period - 1) + value) / this.period;
  }
}

/**
 * Wilder's smoothing, seeded with the simple average of its first n numbers, as TA-Lib does:
 * `average = (average * (n - 1) + x) / n`. Takes numbers >= 0. It holds the value before the newest
 * number beside the value after it, so that a revision starts again from where it should.
 */
import type { StateReader } from '../state-reader.ts';

export class WilderAverage {
  readonly #period: number;
  /** Numbers taken, up to the period; and the running sum until then, the average after. */
  #seenBefore = 0;
  #before = 0;
  #seen = 0;
  #now = 0;

  constructor(period: number) {
    this.#period = period;
  }

  /** True once the average has its seed. */
  get isReady(): boolean {
    return this.#seen === this.#period;
  }

  /** The average; the running sum of the seed before `isReady`. */
  get value(): number {
    return this.#now;
  }

  add(value: number): void {
    this.#seenBefore = this.#seen;
    this.#before = this.#now;
    this.#apply(value);
  }

  replace(value: number): void {
    this.#apply(value);
  }

  save(into: number[]): void {
    into.push(this.#seenBefore, this.#before, this.#seen, this.#now);
  }

  restore(from: StateReader): void {
    this.#seenBefore = from.takeCount(this.#period);
    this.#before = from.take();
    this.#seen = from.takeCount(this.#period);
    this.#now = from.take();
  }

  #apply(value: number): void {
    if (this.#seenBefore === this.#period) {
      this.#now = (this.#before * (this.#period - 1) + value) / this.#period;
      return;
    }
    const sum = this.#before + value;
    this.#seen = this.#seenBefore + 1;
    this.#now = this.#seen === this.#period ? sum / this.#period : sum;
  }
}

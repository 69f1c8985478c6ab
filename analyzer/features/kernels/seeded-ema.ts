/**
 * Exponential average seeded with the simple average of its first n numbers, as TA-Lib does:
 * `ema += (x - ema) * 2 / (n + 1)`. The seed is built as a running mean, so that the average of a
 * price that does not move is that price, to the bit. It holds the value before the newest number
 * beside the value after it, so that a revision starts again from where it should.
 */
import type { StateReader } from '../state-reader.ts';

export class SeededEma {
  readonly #period: number;
  readonly #weight: number;
  /** Numbers taken, up to the period; and the running mean until then, the average after. */
  #seenBefore = 0;
  #before = 0;
  #seen = 0;
  #now = 0;

  constructor(period: number) {
    this.#period = period;
    this.#weight = 2 / (period + 1);
  }

  /** True once the average has its seed. */
  get isReady(): boolean {
    return this.#seen === this.#period;
  }

  /** The average; the mean so far before `isReady`. */
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
      this.#now = (value - this.#before) * this.#weight + this.#before;
      return;
    }
    this.#seen = this.#seenBefore + 1;
    this.#now = this.#before + (value - this.#before) / this.#seen;
  }
}

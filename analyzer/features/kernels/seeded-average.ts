/**
 * What exponential averages have in common: a seed over their first n numbers, one formula after it,
 * and the value before the newest number beside the value after it, so that a revision starts again
 * from where it should. Which seed and which formula is for the subclass to say.
 */
import type { StateReader } from '../state-reader.ts';

export abstract class SeededAverage {
  protected readonly period: number;
  /** Numbers taken, up to the period; and what the seed has come to until then, the average after. */
  #seenBefore = 0;
  #before = 0;
  #seen = 0;
  #now = 0;

  constructor(period: number) {
    this.period = period;
  }

  /** True once the average has its seed. */
  get isReady(): boolean {
    return this.#seen === this.period;
  }

  /** The average; what the seed has come to before `isReady`. */
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
    this.#seenBefore = from.takeCount(this.period);
    this.#before = from.take();
    this.#seen = from.takeCount(this.period);
    this.#now = from.take();
  }

  /** The seed with its `seen`-th number; with the last one, the first average. */
  protected abstract seed(before: number, value: number, seen: number): number;

  /** The next average. */
  protected abstract next(before: number, value: number): number;

  #apply(value: number): void {
    if (this.#seenBefore === this.period) {
      this.#now = this.next(this.#before, value);
      return;
    }
    this.#seen = this.#seenBefore + 1;
    this.#now = this.seed(this.#before, value, this.#seen);
  }
}

/**
 * The newest close and the one before it: what every indicator of close-to-close moves stands on.
 * A revision changes the newest only.
 */
import { assertHasBar } from '../indicator.ts';
import type { StateReader } from '../state-reader.ts';

export class ClosePair {
  /** Bars taken, counted up to two. */
  #seen = 0;
  #previous = 0;
  #current = 0;

  /** True once there are two closes. */
  get isReady(): boolean {
    return this.#seen === 2;
  }

  /** The close before the newest; 0 before `isReady`. */
  get previous(): number {
    return this.#previous;
  }

  get current(): number {
    return this.#current;
  }

  add(close: number): void {
    if (this.#seen < 2) this.#seen += 1;
    this.#previous = this.#current;
    this.#current = close;
  }

  /** @throws Error where there is no close to revise. */
  replace(close: number): void {
    assertHasBar(this.#seen);
    this.#current = close;
  }

  save(into: number[]): void {
    into.push(this.#seen, this.#previous, this.#current);
  }

  restore(from: StateReader): void {
    this.#seen = from.takeCount(2);
    this.#previous = from.take();
    this.#current = from.take();
  }
}

/**
 * Reads a saved indicator state back. In: the flat list of numbers that `save` wrote. Out: the same
 * numbers in the same order, each checked. A list that is too short, too long or holds something
 * else is refused as a whole: half a state is worse than none.
 */
import { AppError } from '#core/errors.ts';

export class StateReader {
  readonly #name: string;
  readonly #numbers: readonly number[];
  #next = 0;

  /** `name` is what errors call the state, for example `rsi:14`. */
  constructor(name: string, numbers: readonly number[]) {
    this.#name = name;
    this.#numbers = numbers;
  }

  /** The next number. @throws AppError WICK_ANALYZER_STATE_INVALID at the end or if not finite. */
  take(): number {
    const value = this.#numbers[this.#next];
    if (value === undefined) throw this.#invalid('ends too early');
    if (!Number.isFinite(value) || Object.is(value, -0)) {
      throw this.#invalid(`holds ${value} at index ${this.#next}`);
    }
    this.#next += 1;
    return value;
  }

  /** The next number as a count from 0 to `max`. @throws AppError WICK_ANALYZER_STATE_INVALID */
  takeCount(max: number): number {
    const value = this.take();
    if (Number.isInteger(value) && value >= 0 && value <= max) return value;
    throw this.#invalid(`holds ${value} where a count from 0 to ${max} belongs`);
  }

  /** @throws AppError WICK_ANALYZER_STATE_INVALID where numbers are left over. */
  finish(): void {
    const left = this.#numbers.length - this.#next;
    if (left > 0) throw this.#invalid(`has numbers left over: ${left}`);
  }

  #invalid(problem: string): AppError {
    return new AppError(
      'WICK_ANALYZER_STATE_INVALID',
      `the state of ${this.#name} ${problem}; rebuild the series from its candles`,
      { details: { state: this.#name, index: this.#next } },
    );
  }
}

/**
 * A record of numbers as it was before the newest bar, beside as it is now: a new bar makes now the
 * record before, a revision of the newest bar starts again from there. In: a fresh record, and the
 * most that those of its numbers may be which are counts. `now` holds remains of an older bar until
 * it is filled in: whoever advances fills in every field.
 */
import type { StateReader } from '../state-reader.ts';

export class BeforeAndNow<Field extends string> {
  #before: Record<Field, number>;
  #now: Record<Field, number>;
  readonly #fields: readonly Field[];
  readonly #countsMax: Readonly<Partial<Record<Field, number>>>;

  /** @param fresh makes its record by a literal: its fields are saved in their order there. */
  constructor(
    fresh: () => Record<Field, number>,
    countsMax: Readonly<Partial<Record<NoInfer<Field>, number>>>,
  ) {
    this.#before = fresh();
    this.#now = fresh();
    this.#fields = Object.keys(this.#now) as Field[];
    this.#countsMax = countsMax;
  }

  get before(): Readonly<Record<Field, number>> {
    return this.#before;
  }

  get now(): Record<Field, number> {
    return this.#now;
  }

  /** For a new bar, not for a revision. */
  advance(): void {
    const spare = this.#before;
    this.#before = this.#now;
    this.#now = spare;
  }

  save(into: number[]): void {
    for (const record of [this.#before, this.#now]) {
      for (const field of this.#fields) into.push(record[field]);
    }
  }

  restore(from: StateReader): void {
    for (const record of [this.#before, this.#now]) {
      for (const field of this.#fields) {
        const countMax = this.#countsMax[field];
        record[field] = countMax === undefined ? from.take() : from.takeCount(countMax);
      }
    }
  }
}

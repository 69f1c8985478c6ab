/**
 * When the newest closed candles of a series that has nothing new are read again. In: news of the
 * series. Out: yes or no for this tick. Venues correct candles soon after they close, so each close is
 * followed by a few looks with growing waits, and then by none until the next: an hourly series costs
 * the venue a handful of requests an hour, not one a tick. Kept in memory: a new process looks again.
 */

/** Looks after each close. */
export const REREADS_MAX = 3;

interface Looks {
  readonly count: number;
  /** The tick of the next one. */
  readonly at: number;
}

export class Rereads {
  #tick = 0;
  readonly #looks = new Map<string, Looks>();

  /** Begins the next tick. */
  tick(): void {
    this.#tick += 1;
  }

  /** Whether to look in this tick; a look that is granted is counted. */
  take(key: string): boolean {
    const { count, at } = this.#looks.get(key) ?? { count: 0, at: 0 };
    if (count >= REREADS_MAX || this.#tick < at) return false;
    this.#looks.set(key, { count: count + 1, at: this.#tick + 2 ** (count + 1) });
    return true;
  }

  /** Something of the series was stored: its looks begin anew with the next tick. */
  news(key: string): void {
    this.#looks.set(key, { count: 0, at: this.#tick + 1 });
  }
}

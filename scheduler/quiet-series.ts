/**
 * Series that are due but have nothing new, such as a delisted one or a recording that is over. In:
 * what came of asking. Out: whether to ask again in this tick. Each answer without news doubles the
 * wait, up to a bound; any news ends it. Kept in memory: a new process asks everybody at once.
 */

/** Longest wait between two questions, in ticks of the collect job. */
const WAIT_TICKS_MAX = 60;

interface Quiet {
  readonly waitTicks: number;
  /** The tick to ask in again. */
  readonly askAt: number;
}

export class QuietSeries {
  #tick = 0;
  readonly #quiet = new Map<string, Quiet>();

  /** Begins the next tick. */
  tick(): void {
    this.#tick += 1;
  }

  /** True while the series is left alone. */
  isResting(key: string): boolean {
    const quiet = this.#quiet.get(key);
    return quiet !== undefined && this.#tick < quiet.askAt;
  }

  /** What came of asking for the series: something new or nothing. */
  asked(key: string, news: boolean): void {
    if (news) {
      this.#quiet.delete(key);
      return;
    }
    const before = this.#quiet.get(key)?.waitTicks ?? 0;
    const waitTicks = before === 0 ? 1 : Math.min(before * 2, WAIT_TICKS_MAX);
    this.#quiet.set(key, { waitTicks, askAt: this.#tick + waitTicks });
  }
}

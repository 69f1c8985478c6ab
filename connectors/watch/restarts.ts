/**
 * When a failed connector is started again. In: whether it has failed, and the time. Out: whether to try
 * now. The first try comes at once, each further one waits twice as long, up to five minutes, for ever:
 * the stores it needs come back one day. Pure, but for what it remembers.
 */
import type { EpochMs } from '#core/time.ts';

const WAIT_MS = 5_000;
const WAIT_MS_MAX = 300_000;
/** It runs again once it has not failed for so long, ms. */
const STEADY_MS = 60_000;
/** So many failures in a row are an alarm, though it may run just now. */
const FLAPS_MIN = 3;

export class Restarts {
  #tries = 0;
  #nextAt = 0;
  #failedAt = 0;

  /** @returns true where it is to be restarted now; it counts as tried then. */
  isDue(hasFailed: boolean, now: EpochMs): boolean {
    if (!hasFailed) {
      if (now - this.#failedAt >= STEADY_MS) {
        this.#tries = 0;
        this.#nextAt = 0;
      }
      return false;
    }
    this.#failedAt = now;
    if (now < this.#nextAt) return false;
    this.#nextAt = now + Math.min(WAIT_MS * 2 ** this.#tries, WAIT_MS_MAX);
    this.#tries += 1;
    return true;
  }

  /** Tries since it last ran steadily, or 0 where they are few. */
  get flaps(): number {
    return this.#tries >= FLAPS_MIN ? this.#tries : 0;
  }
}

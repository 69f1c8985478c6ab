/**
 * One run that many small batches share: what a stream tells candle by candle would else be a run for
 * each candle. In: batches of one series, one at a time. Out: the run's id for each of them; rows still
 * name the run they came with. The record is opened with the first batch, closed as done after a while
 * or when a new one is asked for, and as failed with the batch that failed; the next batch opens
 * another one. If the process dies it is closed by whoever finds its worker dead.
 */
import type { Series } from '#core/candle.ts';
import { errorText } from '#core/errors.ts';
import type { Clock, EpochMs } from '#core/time.ts';
import type { Pool } from '#platform/postgres.ts';
import type { RunRange } from './advance-run.ts';
import { finishRun } from './finish-run.ts';
import { startRun } from './start-run.ts';

export interface SharedRunOptions {
  readonly pool: Pool;
  /** Name that it is recorded under. */
  readonly job: string;
  readonly series: Series;
  readonly clock: Clock;
  /** Aborted where the process ends in order: what is cut off then did not fail. */
  readonly signal: AbortSignal;
}

/** Long enough for few rows, short enough that a run that ends badly says which hours were its. */
const LIFE_MS_MAX = 6 * 3_600_000;

export class SharedRun {
  readonly #options: SharedRunOptions;
  #open: { readonly id: bigint; readonly since: EpochMs } | null = null;
  #isOver = false;

  constructor(options: SharedRunOptions) {
    this.#options = options;
  }

  /** Batches from now on belong to another run. */
  renew(): void {
    this.#isOver = true;
  }

  /** @throws what the work throws; the run is then closed as failed. */
  async use<T>(range: RunRange, work: (runId: bigint) => Promise<T>): Promise<T> {
    const runId = await this.#current(range);
    try {
      return await work(runId);
    } catch (error) {
      if (this.#options.signal.aborted) throw error;
      this.#open = null;
      // The work's error counts. A run that stays open is closed once this process is gone.
      await finishRun(this.#options.pool, runId, errorText(error)).catch(() => undefined);
      throw error;
    }
  }

  /** Closes what is open as done. */
  async close(): Promise<void> {
    const open = this.#open;
    this.#open = null;
    this.#isOver = false;
    if (open !== null) await finishRun(this.#options.pool, open.id, null);
  }

  async #current(range: RunRange): Promise<bigint> {
    const { pool, job, series, clock } = this.#options;
    const now = clock.now();
    if (this.#isOver || (this.#open !== null && now - this.#open.since >= LIFE_MS_MAX)) {
      await this.close();
    }
    this.#open ??= { id: await startRun(pool, { job, series, ...range }), since: now };
    return this.#open.id;
  }
}

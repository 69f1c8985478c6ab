/**
 * Writes the rows of all partitions to ClickHouse in shared batches. In: rows collected by the
 * partitions. Out: a promise per caller that settles once its rows are durable. The next batch goes
 * out as soon as the last one has finished, unless all who wait have time: then it first grows to a
 * size that costs ClickHouse less, in the insert and in merges. Callers wait for room. Writing a row again changes nothing, so a failed batch is simply sent again,
 * whole.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { AppError, errorText } from '#core/errors.ts';
import { insertNative, type ClickHouseClient } from '#platform/clickhouse.ts';
import type { Logger } from '#platform/logger.ts';
import { OUTPUT_NAMES, OUTPUTS, OutputRows, type Producer } from './tables.ts';

const ATTEMPTS_MAX = 6;
const RETRY_MS_FIRST = 200;
const RETRY_MS_MAX = 5_000;
/** Longest time for which rows that have time are held back. */
const PATIENCE_MS = 250;

export interface GroupWriterOptions {
  readonly client: Pick<ClickHouseClient, 'exec'>;
  readonly producer: Producer;
  readonly logger: Logger;
  /** Rows that are worth a batch of their own, for those who have time. */
  readonly rowsEnough: number;
  /** Wait before the second attempt; each further one waits twice as long. */
  readonly retryMsFirst?: number;
  readonly metrics?: {
    readonly batchRows: { observe(rows: number): void };
    readonly insertRetries: { inc(): void };
  };
}

export class GroupWriter {
  readonly #options: GroupWriterOptions;
  #pending: OutputRows;
  #waiting: PromiseWithResolvers<void> | null = null;
  #running = false;
  /** Someone waits for the rows at hand who has no time. */
  #isUrgent = false;
  /** Wakes a batch that is held back. */
  #hurry: (() => void) | null = null;
  /** Those who wait for the rows at hand to be taken. */
  #taken: PromiseWithResolvers<void> | null = null;
  /** A batch that was given up may hold rows of callers who wait for a later one. */
  #failed: unknown = null;

  constructor(options: GroupWriterOptions) {
    this.#options = options;
    this.#pending = new OutputRows(options.producer);
  }

  /** Where rows go; call `flush` after the last of a batch, before the next await. */
  get rows(): OutputRows {
    return this.#pending;
  }

  /**
   * Settles once everything collected so far is durable; after one failure, never again.
   * @param hasTime more rows are sure to follow at once, and nobody waits for these.
   */
  async flush({ hasTime = false } = {}): Promise<void> {
    if (this.#failed !== null) throw this.#failed;
    this.#waiting ??= Promise.withResolvers<void>();
    const { promise } = this.#waiting;
    this.#isUrgent ||= !hasTime;
    if (this.#isDue()) this.#hurry?.();
    if (!this.#running) void this.#run();
    return promise;
  }

  /**
   * Settles once fewer than `rowsMax` rows wait; more than that, and a slow ClickHouse would fill the
   * memory. Throws after a failure.
   */
  async room(rowsMax: number): Promise<void> {
    while (this.#failed === null && this.#pending.rows >= rowsMax) {
      this.#taken ??= Promise.withResolvers<void>();
      await this.#taken.promise;
    }
    if (this.#failed !== null) throw this.#failed;
  }

  async #run(): Promise<void> {
    this.#running = true;
    // Partitions of the same fetch come in one after the other: let them share the batch.
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    while (this.#waiting !== null && this.#failed === null) {
      if (!this.#isDue()) await this.#untilDue();
      await this.#writeNext();
    }
    this.#waiting?.reject(this.#failed);
    this.#noteTaken();
    this.#running = false;
  }

  #isDue(): boolean {
    return this.#isUrgent || this.#pending.rows >= this.#options.rowsEnough;
  }

  async #untilDue(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, PATIENCE_MS);
    this.#hurry = resolve;
    await promise;
    clearTimeout(timer);
    this.#hurry = null;
  }

  async #writeNext(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = null;
    this.#isUrgent = false;
    try {
      const count = this.#pending.rows;
      const rows = this.#pending.take();
      this.#noteTaken();
      await this.#write(rows);
      this.#options.metrics?.batchRows.observe(count);
      waiting?.resolve();
    } catch (error) {
      this.#failed = error;
      waiting?.reject(error);
    }
  }

  #noteTaken(): void {
    this.#taken?.resolve();
    this.#taken = null;
  }

  async #write(rows: ReturnType<OutputRows['take']>): Promise<void> {
    const { client, logger, retryMsFirst = RETRY_MS_FIRST } = this.#options;
    for (let attempt = 1; ; attempt += 1) {
      try {
        const { waypoints, waypointsFirst } = rows;
        if (waypointsFirst) await insertNative(client, OUTPUTS.waypoints, waypoints);
        await allDone(
          OUTPUT_NAMES.filter((name) => rows[name].length > 0)
            .filter((name) => name !== 'waypoints' || !waypointsFirst)
            .map((name) => insertNative(client, OUTPUTS[name], rows[name])),
        );
        return;
      } catch (error) {
        if (attempt >= ATTEMPTS_MAX) {
          throw new AppError(
            'WICK_ANALYZER_SINK_FAILED',
            `ClickHouse refused a batch ${attempt} times; nothing was committed, it will be consumed again: ${errorText(error)}`,
            { cause: error, retryable: true },
          );
        }
        logger.warn({ attempt, err: errorText(error) }, 'insert failed; trying again');
        this.#options.metrics?.insertRetries.inc();
        await delay(Math.min(retryMsFirst * 2 ** (attempt - 1), RETRY_MS_MAX));
      }
    }
  }
}

/** Waits for all of them, then throws the first failure: none may still be on its way at a retry. */
async function allDone(work: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(work);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

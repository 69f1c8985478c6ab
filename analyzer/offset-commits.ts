/**
 * Commits of the analyzer's offsets. In: the next offset of a partition, once its rows are durable.
 * Out: commits, one request at a time with the newest offsets. They lag a little behind on purpose; a
 * commit that failed waits for the next one.
 */
import { TOPIC_CANDLES } from '#core/contracts/names.ts';
import { errorText } from '#core/errors.ts';
import type { Consumer } from '#platform/kafka.ts';
import type { Logger } from '#platform/logger.ts';

export class OffsetCommits {
  readonly #consumer: Pick<Consumer, 'commitOffsets'>;
  readonly #logger: Logger;
  readonly #pending = new Map<number, bigint>();
  readonly #committed: () => void;
  #committing: Promise<void> | null = null;
  /** Counts what was forgotten: what was taken before is not put back. */
  #forgotten = 0;

  /** @param committed called after each commit that the group took. */
  constructor(
    consumer: Pick<Consumer, 'commitOffsets'>,
    logger: Logger,
    committed: () => void = () => undefined,
  ) {
    this.#consumer = consumer;
    this.#logger = logger;
    this.#committed = committed;
  }

  add(partition: number, next: bigint): void {
    this.#pending.set(partition, next);
    this.#committing ??= this.#commitPending()
      .catch((error: unknown) => {
        this.#logger.warn({ err: errorText(error) }, 'offsets not committed yet');
      })
      .finally(() => {
        this.#committing = null;
      });
  }

  /** Forgets what is not committed: the partitions may be someone else's by now. */
  clear(): void {
    this.#forgotten += 1;
    this.#pending.clear();
  }

  /** Commits all that is left. @throws the client's error when that fails. */
  async settle(): Promise<void> {
    await this.#committing;
    await this.#commitPending();
  }

  async #commitPending(): Promise<void> {
    while (this.#pending.size > 0) {
      const taken = [...this.#pending];
      const forgotten = this.#forgotten;
      this.#pending.clear();
      const offsets = taken.map(([partition, offset]) => ({
        topic: TOPIC_CANDLES,
        partition,
        offset: String(offset),
      }));
      try {
        await this.#consumer.commitOffsets(offsets);
        this.#committed();
      } catch (error) {
        // They wait for the next commit, unless a newer one of their partition came meanwhile, or the
        // group moved: a member may commit for any partition, also for one that is another's by now.
        if (forgotten !== this.#forgotten) throw error;
        for (const [partition, offset] of taken) {
          if (!this.#pending.has(partition)) this.#pending.set(partition, offset);
        }
        throw error;
      }
    }
  }
}

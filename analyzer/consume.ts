/**
 * The shell around the analyzer's pure core: kafkajs batches in, durable rows out, then the offset.
 * Per partition one batch at a time, in order; partitions share ClickHouse inserts. A partition is
 * restored when its first batch arrives, and rewound when its marker lies behind the committed offset.
 */
import { decodeCandleMessage, type DeadLetters } from '../connectors/index.ts';
import type { CandleChange } from '#core/contracts/candle-change.ts';
import { GROUP_ANALYZER, TOPIC_CANDLES } from '#core/contracts/names.ts';
import { errorText } from '#core/errors.ts';
import type { Clock } from '#core/time.ts';
import type { Consumer, EachBatchPayload, Kafka } from '#platform/kafka.ts';
import type { Logger } from '#platform/logger.ts';
import type { AnalyzerMetrics } from './metrics.ts';
import type { CheckpointStore } from './checkpoint.ts';
import { PartitionState, type PartitionOptions } from './partition.ts';
import type { GroupWriter } from './sink/group-writer.ts';
import type { LatestCache } from './sink/cache-latest.ts';

export interface AnalyzerOptions {
  readonly kafka: Kafka;
  readonly writer: GroupWriter;
  readonly latest: LatestCache;
  readonly checkpoints: CheckpointStore;
  readonly deadLetters: DeadLetters;
  readonly partition: Omit<PartitionOptions, 'output'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: AnalyzerMetrics;
  /** Longest time between checkpoints of a partition that moves, ms. */
  readonly checkpointMs: number;
  /** Most records taken into one step. */
  readonly rowsMax: number;
  /** Called when the consumer cannot go on; the process should end and be started again. */
  readonly onCrash: (error: Error) => void;
}

export interface Analyzer {
  /** True once partitions are assigned and the last batch went through. */
  readonly isReady: () => boolean;
  close(): Promise<void>;
}

/** One partition while it is assigned to us. */
interface Assigned {
  readonly state: PartitionState;
  /** The next offset to read. */
  offset: bigint;
  checkpointAt: number;
  /** The checkpoint that is being written. */
  saving: Promise<void> | null;
}

const SESSION_TIMEOUT_MS = 30_000;
const FETCH_WAIT_MS = 100;
const FETCH_BYTES_PER_PARTITION = 2 * 1024 * 1024;

export async function startAnalyzer(options: AnalyzerOptions): Promise<Analyzer> {
  const consumer = options.kafka.consumer({
    groupId: GROUP_ANALYZER,
    sessionTimeout: SESSION_TIMEOUT_MS,
    maxWaitTimeInMs: FETCH_WAIT_MS,
    minBytes: 1,
    maxBytesPerPartition: FETCH_BYTES_PER_PARTITION,
    retry: { retries: 8, restartOnFailure: async () => false },
  });
  const running = new RunningAnalyzer(consumer, options);
  await running.start();
  return running;
}

class RunningAnalyzer implements Analyzer {
  readonly #consumer: Consumer;
  readonly #options: AnalyzerOptions;
  readonly #assigned = new Map<number, Assigned>();
  readonly #toCommit = new Map<number, bigint>();
  #committing: Promise<void> | null = null;
  #joined = false;

  constructor(consumer: Consumer, options: AnalyzerOptions) {
    this.#consumer = consumer;
    this.#options = options;
  }

  readonly isReady = (): boolean => this.#joined;

  async start(): Promise<void> {
    const { events } = this.#consumer;
    this.#consumer.on(events.GROUP_JOIN, ({ payload }) => {
      // Whoever had a partition in between may have moved it: restore all of them.
      this.#assigned.clear();
      this.#toCommit.clear();
      this.#joined = true;
      const partitions = payload.memberAssignment[TOPIC_CANDLES] ?? [];
      this.#options.metrics.assigned.set(partitions.length);
      this.#options.logger.info({ partitions }, 'partitions assigned');
    });
    this.#consumer.on(events.CRASH, ({ payload }) => {
      this.#joined = false;
      this.#options.onCrash(payload.error);
    });
    await this.#consumer.connect();
    await this.#consumer.subscribe({ topic: TOPIC_CANDLES, fromBeginning: true });
    await this.#consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: 12,
      eachBatch: (payload) => this.#take(payload),
    });
  }

  async close(): Promise<void> {
    await this.#consumer.stop();
    for (const [partition, assigned] of this.#assigned) {
      await assigned.saving;
      this.#checkpoint(partition, assigned);
      await assigned.saving;
    }
    await this.#committing;
    await this.#commitPending();
    await this.#consumer.disconnect();
  }

  async #take(payload: EachBatchPayload): Promise<void> {
    const { batch } = payload;
    const { partition } = batch;
    let assigned = this.#assigned.get(partition);
    if (assigned === undefined) {
      assigned = await this.#restore(partition, BigInt(batch.firstOffset() ?? '0'));
      this.#assigned.set(partition, assigned);
      if (assigned.offset < BigInt(batch.firstOffset() ?? '0')) {
        this.#consumer.seek({ topic: batch.topic, partition, offset: String(assigned.offset) });
        return;
      }
    }
    const { messages } = batch;
    for (let from = 0; from < messages.length; from += this.#options.rowsMax) {
      if (!payload.isRunning() || payload.isStale()) return;
      const part = messages.slice(from, from + this.#options.rowsMax);
      await this.#apply(assigned, payload, part);
      const next = BigInt(part.at(-1)!.offset) + 1n;
      assigned.offset = next;
      payload.resolveOffset(part.at(-1)!.offset);
      this.#commit(partition, next);
      await payload.heartbeat();
    }
    this.#maybeCheckpoint(partition, assigned);
  }

  async #apply(
    assigned: Assigned,
    payload: EachBatchPayload,
    messages: EachBatchPayload['batch']['messages'],
  ): Promise<void> {
    const { deadLetters, writer, latest, metrics, clock } = this.#options;
    const { partition, topic } = payload.batch;
    const closed: CandleChange[] = [];
    const letters: Parameters<DeadLetters['park']>[0][number][] = [];
    for (const message of messages) {
      const { offset, value } = message;
      const decoded = decodeCandleMessage({ partition, offset, value });
      if (decoded.kind === 'undecodable') {
        letters.push({ topic, partition, message, reason: decoded.reason });
      } else if (decoded.kind === 'change') {
        const { change } = decoded;
        if (change.values === null || change.values.isClosed) closed.push(change);
        else latest.open(change);
      }
    }
    const counts = await assigned.state.apply(closed);
    if (counts.applied + counts.refolded > 0) await writer.flush();
    if (letters.length > 0) {
      await deadLetters.park(letters);
      metrics.deadLetters.inc(letters.length);
      this.#options.logger.warn(
        { partition, count: letters.length, reason: letters[0]?.reason },
        'records parked in the dead letter topic',
      );
    }
    await latest.flush();
    metrics.applied.inc(counts.applied);
    metrics.skipped.inc(counts.skipped);
    metrics.refolded.inc(counts.refolded);
    const newest = closed.at(-1);
    if (newest !== undefined) {
      metrics.freshness.observe(Math.max(0, clock.now() - newest.committedAt) / 1000);
    }
  }

  async #restore(partition: number, first: bigint): Promise<Assigned> {
    const { checkpoints, partition: options, writer, latest, clock, logger } = this.#options;
    const state = new PartitionState({
      ...options,
      output: {
        change: (change) => writer.rows.addChange(change),
        derived: (key, series, row, change) => {
          writer.rows.addDerived(key, series, row);
          if (change !== null) latest.closed(change, row);
        },
      },
    });
    const committed = first === 0n ? null : first;
    const restored = await checkpoints.restore(partition, committed);
    for (const [key, series] of restored.series) state.series.set(key, series);
    // Nothing stored, but not the beginning of the log either: everything is consumed again.
    const offset = restored.offset ?? 0n;
    logger.info(
      { partition, series: restored.series.size, resumeAt: String(offset), first: String(first) },
      'partition restored',
    );
    return {
      state,
      offset: offset < first ? offset : first,
      checkpointAt: clock.now(),
      saving: null,
    };
  }

  #maybeCheckpoint(partition: number, assigned: Assigned): void {
    const due = assigned.checkpointAt + this.#options.checkpointMs <= this.#options.clock.now();
    if (due && assigned.saving === null) this.#checkpoint(partition, assigned);
  }

  /** States are copied as text now and written while the partition goes on. */
  #checkpoint(partition: number, assigned: Assigned): void {
    const { state, offset } = assigned;
    if (state.dirty.size === 0) return;
    const changed = new Map<string, { version: bigint; text: string }>();
    for (const key of state.dirty) {
      const series = state.series.get(key);
      if (series === undefined) continue;
      changed.set(key, { version: series.position.version, text: series.save() });
    }
    state.dirty.clear();
    const positions = new Map([...state.series].map(([key, series]) => [key, series.position]));
    assigned.checkpointAt = this.#options.clock.now();
    assigned.saving = this.#options.checkpoints
      .save({ partition, offset, changed, positions })
      .then(() => this.#options.metrics.checkpoints.inc())
      .catch((error: unknown) => {
        // The states stay dirty; an older checkpoint only means more to consume again.
        for (const key of changed.keys()) state.dirty.add(key);
        this.#options.logger.warn({ partition, err: errorText(error) }, 'checkpoint not written');
      })
      .finally(() => {
        assigned.saving = null;
      });
  }

  /** Commits lag a little behind on purpose: one request at a time, with the newest offsets. */
  #commit(partition: number, next: bigint): void {
    this.#toCommit.set(partition, next);
    this.#committing ??= this.#commitPending()
      .catch((error: unknown) => {
        this.#options.logger.warn({ err: errorText(error) }, 'offsets not committed yet');
      })
      .finally(() => {
        this.#committing = null;
      });
  }

  async #commitPending(): Promise<void> {
    while (this.#toCommit.size > 0) {
      const offsets = [...this.#toCommit].map(([partition, offset]) => ({
        topic: TOPIC_CANDLES,
        partition,
        offset: String(offset),
      }));
      this.#toCommit.clear();
      await this.#consumer.commitOffsets(offsets);
    }
  }
}

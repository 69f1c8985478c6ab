/**
 * The shell around the analyzer's pure core: kafkajs batches in, durable rows out, then the offset.
 * Per partition one step at a time, in order; all partitions share ClickHouse inserts. The next step
 * is computed while the rows of the last are being written, within bounds; whatever speaks of a step
 * to the outside (messages, offset, checkpoint, latest values) waits for its rows. A partition is restored when
 * its first batch arrives, and rewound when its marker lies behind the committed offset.
 */
import type { DeadLetters } from '../connectors/index.ts';
import { GROUP_ANALYZER, TOPIC_CANDLES } from '#core/contracts/names.ts';
import { errorText } from '#core/errors.ts';
import type { Clock } from '#core/time.ts';
import type { Consumer, EachBatchPayload, Kafka } from '#platform/kafka.ts';
import type { Logger } from '#platform/logger.ts';
import type { AnalyzerMetrics } from './metrics.ts';
import { checkpointOf, type Assigned } from './assigned.ts';
import type { CheckpointStore } from './checkpoint.ts';
import { CONSUMER_FETCH, PARTITIONS_AT_ONCE } from './consumer-fetch.ts';
import type { CrashPoint } from './crash-point.ts';
import type { Movement } from './movement.ts';
import { OffsetCommits } from './offset-commits.ts';
import { parkLetters } from './park-letters.ts';
import type { BatchCounts, PartitionOptions } from './partition.ts';
import { restorePartition } from './restore-partition.ts';
import type { GroupWriter } from './sink/group-writer.ts';
import type { LatestCache } from './sink/cache-latest.ts';
import type { Publisher } from './sink/publisher.ts';
import type { Step } from './step.ts';
import { StepChanges } from './step-changes.ts';

export interface AnalyzerOptions {
  readonly kafka: Kafka;
  readonly writer: GroupWriter;
  readonly latest: LatestCache;
  readonly publisher: Publisher;
  readonly checkpoints: CheckpointStore;
  readonly deadLetters: DeadLetters;
  readonly partition: Pick<PartitionOptions, 'rules' | 'history'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: AnalyzerMetrics;
  /** Told which partitions are assigned, and that long steps go on. */
  readonly movement: Pick<Movement, 'assign' | 'touch'>;
  /** Longest time between checkpoints of a partition that moves, ms. */
  readonly checkpointMs: number;
  /** How long a silent process keeps its partitions, ms. */
  readonly sessionTimeoutMs: number;
  /** Most records taken into one step. */
  readonly rowsMax: number;
  /** Told of each pass of a named place, so that a test can end the process there. */
  readonly reached: (point: CrashPoint) => void;
  /** Called when the consumer cannot go on; the process should end and be started again. */
  readonly onCrash: (error: Error) => void;
}

export interface Analyzer {
  /** True once partitions are assigned and the last batch went through. */
  readonly isReady: () => boolean;
  close(): Promise<void>;
}

/** Thrown to end a step whose partition may be another's, or that holds up the end. */
class StepAbandoned extends Error {}

/** With more than this to come, the time that a row takes does not matter; batches may grow. */
const RECORDS_BEHIND = 5_000n;
/** Steps of one partition that may wait for their rows; the writer bounds the rows themselves. */
const UNSETTLED_STEPS_MAX = 8;
/** What a step that folds a long series again may keep from others until it ends, bytes. */
const OUTBOX_BYTES_MAX = 8_000_000;

export async function startAnalyzer(options: AnalyzerOptions): Promise<Analyzer> {
  const consumer = options.kafka.consumer({
    groupId: GROUP_ANALYZER,
    sessionTimeout: options.sessionTimeoutMs,
    ...CONSUMER_FETCH,
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
  readonly #commits: OffsetCommits;
  /** The checkpoint that is being written. */
  #saving: Promise<void> | null = null;
  #checkpointAt = 0;
  #joined = false;
  /** Latest values are told again when the process joins; what comes later is told as it comes. */
  #shown: Promise<void> | null = null;
  readonly #taking = new Set<Promise<void>>();
  #crashed = false;
  #isUnknownTold = false;
  #closing = false;

  constructor(consumer: Consumer, options: AnalyzerOptions) {
    this.#consumer = consumer;
    this.#options = options;
    this.#commits = new OffsetCommits(consumer, options.logger, () =>
      options.reached('after_commit'),
    );
  }

  readonly isReady = (): boolean => this.#joined;

  async start(): Promise<void> {
    const { events } = this.#consumer;
    this.#consumer.on(events.GROUP_JOIN, ({ payload }) => {
      // Whoever had a partition in between may have moved it: restore all of them.
      this.#assigned.clear();
      this.#commits.clear();
      this.#joined = true;
      const partitions = payload.memberAssignment[TOPIC_CANDLES] ?? [];
      this.#options.metrics.assigned.set(partitions.length);
      this.#options.movement.assign(partitions);
      this.#options.logger.info({ partitions }, 'partitions assigned');
      this.#shown ??= this.#options.latest.show(partitions);
    });
    this.#consumer.on(events.CRASH, ({ payload }) => this.#crash(payload.error));
    await this.#consumer.connect();
    await this.#consumer.subscribe({ topic: TOPIC_CANDLES, fromBeginning: true });
    await this.#consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: PARTITIONS_AT_ONCE,
      eachBatch: (payload) => this.#track(this.#take(payload)),
    });
  }

  async close(): Promise<void> {
    // While still a member of the group: afterwards nobody would take our offsets.
    this.#closing = true;
    await this.#shown;
    try {
      if (!this.#crashed) await this.#leaveBehind();
    } finally {
      await this.#consumer.stop();
      await this.#consumer.disconnect();
    }
  }

  /** So that the next start has nothing to take again. */
  async #leaveBehind(): Promise<void> {
    await Promise.allSettled(this.#taking);
    for (const { unsettled } of this.#assigned.values()) await Promise.all(unsettled);
    await this.#saving;
    await this.#checkpoint();
    await this.#commits.settle();
  }

  async #track(taking: Promise<void>): Promise<void> {
    this.#taking.add(taking);
    try {
      await taking;
    } catch (error) {
      if (!(error instanceof StepAbandoned)) throw error;
    } finally {
      this.#taking.delete(taking);
    }
  }

  async #take(payload: EachBatchPayload): Promise<void> {
    const { batch } = payload;
    const { partition } = batch;
    if (payload.isStale()) return;
    await this.#shown;
    const first = BigInt(batch.firstOffset() ?? '0');
    let assigned = this.#assigned.get(partition);
    if (assigned === undefined) {
      assigned = await this.#restore(payload, first, 'marker');
      this.#assigned.set(partition, assigned);
      if (assigned.offset < first) {
        this.#consumer.seek({ topic: batch.topic, partition, offset: String(assigned.offset) });
        return;
      }
    } else if (assigned.offset < first) {
      // Retention took them, or the topic was made anew: what was consumed before is in the ledger.
      this.#options.logger.error(
        { partition, from: String(assigned.offset), to: String(first) },
        'records are gone from the topic; going on from the ledger, compare the stores',
      );
      await Promise.all(assigned.unsettled);
      assigned = await this.#restore(payload, first, 'ledger');
      this.#assigned.set(partition, assigned);
    }
    const { messages } = batch;
    const { writer, publisher, rowsMax } = this.#options;
    for (let from = 0; from < messages.length; from += rowsMax) {
      await writer.room(rowsMax);
      await publisher.room();
      if (this.#crashed || this.#closing || !payload.isRunning() || payload.isStale()) return;
      const part = messages.slice(from, from + rowsMax);
      this.#options.reached('after_poll');
      if (!(await this.#step(assigned, payload, part))) return;
      payload.resolveOffset(part.at(-1)!.offset);
      await payload.heartbeat();
    }
    this.#maybeCheckpoint(assigned);
  }

  /**
   * Applies messages to the state; what must wait for their rows goes on behind.
   * @returns false when it was given up half-way; the partition is restored before it goes on.
   */
  async #step(
    assigned: Assigned,
    payload: EachBatchPayload,
    messages: EachBatchPayload['batch']['messages'],
  ): Promise<boolean> {
    const { metrics } = this.#options;
    const { partition, topic } = payload.batch;
    const changes = new StepChanges(
      { topic, partition, messages },
      assigned.latest,
      this.#options.writer.rows,
    );
    assigned.at = payload;
    const counts = await this.#apply(assigned, changes);
    if (counts === null) return false;
    this.#options.reached('after_compute');
    const values = assigned.latest.take();
    const unsent = assigned.outbox.take();
    assigned.offset = BigInt(messages.at(-1)!.offset) + 1n;
    assigned.at = null;
    metrics.applied.inc(counts.applied);
    metrics.skipped.inc(counts.skipped);
    metrics.refolded.inc(counts.refolded);
    metrics.refoldedRows.inc(counts.refoldedRows);
    this.#noteUnknown(changes);
    const hasRows = counts.applied + counts.refolded + changes.ledgerRows > 0;
    const { offset } = assigned;
    const isBehind = BigInt(payload.batch.highWatermark) - offset > RECORDS_BEHIND;
    const { letters, newest } = changes;
    await this.#settle(assigned, { offset, hasRows, isBehind, letters, values, newest, unsent });
    return true;
  }

  /** A newer schema or connector than ours: counted always, told once. */
  #noteUnknown({ unknownFields: count, unknownField: field }: StepChanges): void {
    if (count === 0) return;
    this.#options.metrics.unknownFields.inc(count);
    if (this.#isUnknownTold) return;
    this.#isUnknownTold = true;
    this.#options.logger.warn(
      { field, count },
      'change messages hold a field that is not known here',
    );
  }

  async #apply(assigned: Assigned, changes: StepChanges): Promise<BatchCounts | null> {
    try {
      return await assigned.state.apply(changes.events());
    } catch (error) {
      if (!(error instanceof StepAbandoned)) throw error;
      const { partition } = assigned;
      if (this.#assigned.get(partition) === assigned) this.#assigned.delete(partition);
      return null;
    }
  }

  /** A step that folds a long series again stays a member of the group, and bounds what waits. */
  async #breathe(payload: EachBatchPayload | null): Promise<void> {
    const isOurs = payload?.isRunning() === true && !payload.isStale();
    if (!isOurs || this.#crashed || this.#closing) throw new StepAbandoned();
    const { writer, rowsMax } = this.#options;
    // A failure is the writer's to remember: whoever waits for room hears of it.
    writer.flush({ hasTime: true }).catch(() => undefined);
    await writer.room(rowsMax);
    this.#options.movement.touch(payload.batch.partition);
    await payload.heartbeat();
  }

  /** Tells others of what is durable before the step ends: it may fold more than the memory holds. */
  async #breatheInStep(partition: number): Promise<void> {
    const assigned = this.#assigned.get(partition);
    await this.#breathe(assigned?.at ?? null);
    if (assigned === undefined || assigned.outbox.bytes < OUTBOX_BYTES_MAX) return;
    const unsent = assigned.outbox.take();
    const { writer, publisher } = this.#options;
    await Promise.all([writer.flush(), ...assigned.unsettled]);
    await publisher.send(partition, unsent);
  }

  /** Lets the rest of a step happen once its rows are durable; waits only when too many do. */
  async #settle(assigned: Assigned, step: Step): Promise<void> {
    const settled = this.#finish(assigned, step).catch((error: unknown) => {
      this.#crash(error instanceof Error ? error : new Error(errorText(error)));
      throw error;
    });
    assigned.unsettled.add(settled);
    // Whoever waits for it hears of its failure; the crash is told already.
    const forget = (): boolean => assigned.unsettled.delete(settled);
    settled.then(forget, () => undefined);
    const [oldest] = assigned.unsettled;
    if (assigned.unsettled.size > UNSETTLED_STEPS_MAX) await oldest;
  }

  async #finish(assigned: Assigned, step: Step): Promise<void> {
    const { writer, latest, publisher, metrics, clock } = this.#options;
    const { partition } = assigned;
    const before = [...assigned.unsettled].at(-1);
    await Promise.all([
      step.hasRows ? writer.flush({ hasTime: step.isBehind }) : before,
      parkLetters(this.#options, partition, step.letters, before),
    ]);
    if (step.hasRows) this.#options.reached('after_insert');
    // Step by step: an older one that took longer must not show its values last.
    await before;
    // Someone else's by now: latest values and offsets are theirs.
    if (this.#assigned.get(partition) === assigned) {
      await latest.write(step.values);
      if (step.newest !== null) {
        metrics.freshness.observe(Math.max(0, clock.now() - step.newest.committedAt) / 1000);
      }
    }
    // Told all the same: a checkpoint may hold this step by now, and then nobody takes it again.
    await publisher.send(partition, step.unsent);
    if (this.#assigned.get(partition) === assigned) this.#commits.add(partition, step.offset);
  }

  #restore(
    payload: EachBatchPayload,
    first: bigint,
    source: 'marker' | 'ledger',
  ): Promise<Assigned> {
    const { partition } = payload.batch;
    return restorePartition(
      {
        payload,
        first,
        source,
        breathe: () => this.#breathe(payload),
        breatheInStep: () => this.#breatheInStep(partition),
      },
      this.#options,
    );
  }

  #maybeCheckpoint(assigned: Assigned): void {
    const now = this.#options.clock.now();
    const isDue = now >= this.#checkpointAt + this.#options.checkpointMs;
    if (this.#saving !== null || !(isDue || assigned.isLeftOut)) return;
    this.#checkpointAt = now;
    this.#saving = this.#checkpoint().finally(() => {
      this.#saving = null;
    });
  }

  /**
   * All partitions at once, since each insert costs the same. States are copied as text now, and
   * written once the rows that they stand for are durable, while the partitions go on.
   */
  async #checkpoint(): Promise<void> {
    const { checkpoints, metrics, logger } = this.#options;
    const taken: Assigned[] = [];
    for (const assigned of this.#assigned.values()) {
      if (assigned.state.dirty.size === 0) continue;
      assigned.isLeftOut = assigned.at !== null;
      if (assigned.at === null) taken.push(assigned);
    }
    const copies = taken.map(checkpointOf);
    if (copies.length === 0) return;
    try {
      await Promise.all(taken.flatMap(({ unsettled }) => [...unsettled]));
      await checkpoints.save(copies);
      metrics.checkpoints.inc(copies.length);
    } catch (error) {
      // The states stay dirty; an older checkpoint only means more to consume again.
      for (const [index, { changed }] of copies.entries()) {
        for (const key of changed.keys()) taken[index]?.state.dirty.add(key);
      }
      logger.warn({ err: errorText(error) }, 'checkpoint not written');
    }
  }

  #crash(error: Error): void {
    this.#crashed = true;
    this.#joined = false;
    this.#options.onCrash(error);
  }
}

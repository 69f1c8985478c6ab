/**
 * The shell around the analyzer's pure core: kafkajs batches in, durable rows out, then the offset.
 * Per partition one step at a time, in order; all partitions share ClickHouse inserts. The next step
 * is computed while the rows of the last are being written, within bounds; whatever speaks of a step
 * to the outside (offset, checkpoint, latest values) waits for its rows. A partition is restored when
 * its first batch arrives, and rewound when its marker lies behind the committed offset.
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
import type { DerivedRow, HistoricCandle } from './series-state.ts';
import type { GroupWriter } from './sink/group-writer.ts';
import type { LatestCache, LatestValues } from './sink/cache-latest.ts';

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
  /** How long a silent process keeps its partitions, ms. */
  readonly sessionTimeoutMs: number;
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
  readonly partition: number;
  readonly state: PartitionState;
  /** The newest candle of each series that the step at hand has changed. */
  readonly newest: Map<string, { readonly candle: HistoricCandle; readonly row: DerivedRow }>;
  /** Steps whose rows are on their way, oldest first. */
  readonly unsettled: Set<Promise<void>>;
  /** The next offset to read. */
  offset: bigint;
  checkpointAt: number;
  /** The checkpoint that is being written. */
  saving: Promise<void> | null;
}

type Letters = Parameters<DeadLetters['park']>[0][number][];

/** A step that was applied to the state and not yet to the outside. */
interface Step {
  /** The offset after its last message. */
  readonly offset: bigint;
  readonly hasRows: boolean;
  readonly letters: Letters;
  readonly values: ReadonlyMap<string, LatestValues>;
  readonly newest: CandleChange | null;
}

/** How much a fetch brings; the benches' bare consumers fetch alike. */
export const CONSUMER_FETCH = {
  maxWaitTimeInMs: 100,
  minBytes: 1,
  maxBytesPerPartition: 4 * 1024 * 1024,
} as const;
export const PARTITIONS_AT_ONCE = 12;
/** Steps of one partition that may wait for their rows; the writer bounds the rows themselves. */
const UNSETTLED_STEPS_MAX = 8;

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
  readonly #toCommit = new Map<number, bigint>();
  #committing: Promise<void> | null = null;
  #joined = false;
  readonly #taking = new Set<Promise<void>>();
  #crashed = false;
  #closing = false;

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
    if (!this.#crashed) await this.#leaveBehind();
    await this.#consumer.stop();
    await this.#consumer.disconnect();
  }

  /** So that the next start has nothing to take again. */
  async #leaveBehind(): Promise<void> {
    await Promise.allSettled(this.#taking);
    for (const [partition, assigned] of this.#assigned) {
      await Promise.all(assigned.unsettled);
      await assigned.saving;
      this.#checkpoint(partition, assigned);
      await assigned.saving;
    }
    await this.#committing;
    await this.#commitPending();
  }

  async #track(taking: Promise<void>): Promise<void> {
    this.#taking.add(taking);
    try {
      await taking;
    } finally {
      this.#taking.delete(taking);
    }
  }

  async #take(payload: EachBatchPayload): Promise<void> {
    const { batch } = payload;
    const { partition } = batch;
    if (payload.isStale()) return;
    const first = BigInt(batch.firstOffset() ?? '0');
    let assigned = this.#assigned.get(partition);
    if (assigned === undefined) {
      assigned = await this.#restore(partition, first, 'marker');
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
      assigned = await this.#restore(partition, first, 'ledger');
      this.#assigned.set(partition, assigned);
    }
    const { messages } = batch;
    const { writer, rowsMax } = this.#options;
    for (let from = 0; from < messages.length; from += rowsMax) {
      await writer.room(rowsMax);
      if (this.#crashed || this.#closing || !payload.isRunning() || payload.isStale()) return;
      const part = messages.slice(from, from + rowsMax);
      await this.#step(assigned, payload, part);
      payload.resolveOffset(part.at(-1)!.offset);
      await payload.heartbeat();
    }
    this.#maybeCheckpoint(partition, assigned);
  }

  /** Applies messages to the state; what must wait for their rows goes on behind. */
  async #step(
    assigned: Assigned,
    payload: EachBatchPayload,
    messages: EachBatchPayload['batch']['messages'],
  ): Promise<void> {
    const { latest, metrics } = this.#options;
    const { partition, topic } = payload.batch;
    const values = new Map<string, LatestValues>();
    const closed: CandleChange[] = [];
    const letters: Letters = [];
    for (const message of messages) {
      const { offset, value } = message;
      const decoded = decodeCandleMessage({ partition, offset, value });
      if (decoded.kind === 'undecodable') {
        letters.push({ topic, partition, message, reason: decoded.reason });
      } else if (decoded.kind === 'change') {
        const { change } = decoded;
        if (change.values === null || change.values.isClosed) closed.push(change);
        else values.set(change.key, { open: latest.openText(change) });
      }
    }
    const counts = await assigned.state.apply(closed);
    for (const [key, { candle, row }] of assigned.newest) {
      values.set(key, { ...values.get(key), closed: latest.closedText(candle, row) });
    }
    assigned.newest.clear();
    assigned.offset = BigInt(messages.at(-1)!.offset) + 1n;
    metrics.applied.inc(counts.applied);
    metrics.skipped.inc(counts.skipped);
    metrics.refolded.inc(counts.refolded);
    const hasRows = counts.applied + counts.refolded > 0;
    const newest = closed.at(-1) ?? null;
    await this.#settle(assigned, { offset: assigned.offset, hasRows, letters, values, newest });
  }

  /** Lets the rest of a step happen once its rows are durable; waits only when too many do. */
  async #settle(assigned: Assigned, step: Step): Promise<void> {
    const settled = this.#finish(assigned, step).catch((error: unknown) => {
      this.#crash(error instanceof Error ? error : new Error(errorText(error)));
      throw error;
    });
    assigned.unsettled.add(settled);
    // Whoever waits for it hears of its failure; the crash is told already.
    settled.then(
      () => assigned.unsettled.delete(settled),
      () => undefined,
    );
    const [oldest] = assigned.unsettled;
    if (assigned.unsettled.size > UNSETTLED_STEPS_MAX) await oldest;
  }

  async #finish(assigned: Assigned, step: Step): Promise<void> {
    const { writer, latest, metrics, clock } = this.#options;
    const { partition } = assigned;
    const before = [...assigned.unsettled].at(-1);
    await Promise.all([
      step.hasRows ? writer.flush() : before,
      this.#park(partition, step.letters),
    ]);
    await latest.write(step.values);
    if (step.newest !== null) {
      metrics.freshness.observe(Math.max(0, clock.now() - step.newest.committedAt) / 1000);
    }
    await before;
    // Someone else's by now: the offsets are theirs.
    if (this.#assigned.get(partition) === assigned) this.#commit(partition, step.offset);
  }

  async #park(partition: number, letters: Letters): Promise<void> {
    if (letters.length === 0) return;
    await this.#options.deadLetters.park(letters);
    this.#options.metrics.deadLetters.inc(letters.length);
    this.#options.logger.warn(
      { partition, count: letters.length, reason: letters[0]?.reason },
      'records parked in the dead letter topic',
    );
  }

  async #restore(partition: number, first: bigint, source: 'marker' | 'ledger'): Promise<Assigned> {
    const { checkpoints, partition: options, writer, clock, logger } = this.#options;
    const newest: Assigned['newest'] = new Map();
    const state = new PartitionState({
      ...options,
      readHistory: async (series, before) => {
        // The ledger must hold what earlier steps have written of this series.
        await writer.flush();
        return options.readHistory(series, before);
      },
      output: {
        change: (change) => writer.rows.addChange(change),
        derived: (key, series, row) => writer.rows.addDerived(key, series, row),
        newest: (key, candle, row) => newest.set(key, { candle, row }),
      },
    });
    const committed = first === 0n ? null : first;
    const restored =
      source === 'marker'
        ? await checkpoints.restore(partition, committed)
        : await checkpoints.rebuild(partition, first);
    for (const [key, series] of restored.series) state.series.set(key, series);
    // Nothing stored, but not the beginning of the log either: everything is consumed again.
    const offset = restored.offset ?? (source === 'marker' ? 0n : first);
    state.takenBelow = offset;
    logger.info(
      { partition, series: restored.series.size, resumeAt: String(offset), first: String(first) },
      'partition restored',
    );
    return {
      partition,
      state,
      newest,
      unsettled: new Set(),
      offset: offset < first ? offset : first,
      checkpointAt: clock.now(),
      saving: null,
    };
  }

  #maybeCheckpoint(partition: number, assigned: Assigned): void {
    const due = assigned.checkpointAt + this.#options.checkpointMs <= this.#options.clock.now();
    if (due && assigned.saving === null) this.#checkpoint(partition, assigned);
  }

  /**
   * States are copied as text now, and written once the rows that they stand for are durable, while
   * the partition goes on.
   */
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
    assigned.saving = Promise.all(assigned.unsettled)
      .then(() => this.#options.checkpoints.save({ partition, offset, changed, positions }))
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

  #crash(error: Error): void {
    this.#crashed = true;
    this.#joined = false;
    this.#options.onCrash(error);
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
      const taken = [...this.#toCommit];
      this.#toCommit.clear();
      try {
        await this.#consumer.commitOffsets(offsets);
      } catch (error) {
        // They wait for the next commit, unless a newer one of their partition came meanwhile.
        for (const [partition, offset] of taken) {
          if (!this.#toCommit.has(partition)) this.#toCommit.set(partition, offset);
        }
        throw error;
      }
    }
  }
}

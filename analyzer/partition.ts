/**
 * One Kafka partition of candle changes: all its series, each in commit order. In: the changes of a
 * batch. Out: rows in the writer, series whose latest values changed. A series with a change in its
 * middle is folded again from the ledger, once per batch.
 */
import type { Series } from '#core/candle.ts';
import type { CandleChange } from '#core/contracts/candle-change.ts';
import type { EpochMs } from '#core/time.ts';
import { placedAfter, snapshotOf, type SnapshotPlace } from './overlap.ts';
import { advance, isApplied, type Position } from './position.ts';
import {
  candleAfter,
  sameCandle,
  SeriesState,
  type Cause,
  type DerivedRow,
  type HistoricCandle,
  type NewestCandle,
} from './series-state.ts';
import type { CompiledRuleSet } from './signals/rule-set.ts';

/** Where a partition puts what it derives. */
export interface PartitionOutput {
  change(change: CandleChange): void;
  derived(key: string, series: Series, row: DerivedRow): void;
  /**
   * The newest candle of a series that changed, once for each batch, with the row that is now its
   * own; null when the last candle of the series was deleted. The vector of the row is valid until
   * the next batch.
   */
  newest(key: string, newest: NewestCandle | null): void;
}

export interface PartitionOptions {
  readonly rules: CompiledRuleSet;
  /** Closed candles of a series as they stood when it was taken that far. */
  readonly readHistory: (series: Series, at: Position) => Promise<HistoricCandle[]>;
  readonly output: PartitionOutput;
}

export interface BatchCounts {
  applied: number;
  /** Delivered again, or sent again without a difference. */
  skipped: number;
  /** Series folded again from their history. */
  refolded: number;
}

/** What a batch brings to one series. */
interface SeriesBatch {
  readonly key: string;
  readonly series: Series;
  readonly state: SeriesState;
  snapshot: SnapshotPlace | null;
  /** The row of the newest candle, once it changed. */
  last: DerivedRow | null;
  /** The changes that wait for the history, in order; the state stands right before the first. */
  readonly late: CandleChange[];
  /** How far the batch has come. */
  to: Position;
}

export class PartitionState {
  readonly #options: PartitionOptions;
  readonly series = new Map<string, SeriesState>();
  /** Series that changed since the last checkpoint. */
  readonly dirty = new Set<string>();
  /** Restored states hold everything of the topic that lies below this offset. */
  takenBelow = 0n;
  /** The newest initial snapshot of each series that was delivered. */
  readonly #snapshots = new Map<string, SnapshotPlace>();

  constructor(options: PartitionOptions) {
    this.#options = options;
  }

  /**
   * Applies the changes of one batch; candles that still run are passed over. Changes are taken as
   * they come, so that a caller can make them one by one and most of them die young.
   */
  async apply(changes: Iterable<CandleChange>): Promise<BatchCounts> {
    const counts: BatchCounts = { applied: 0, skipped: 0, refolded: 0 };
    const batches = new Map<string, SeriesBatch>();
    for (const change of changes) {
      if (change.values?.isClosed === false) continue;
      let batch = batches.get(change.key);
      if (batch === undefined) {
        batch = this.#begin(change);
        batches.set(change.key, batch);
      }
      this.#take(batch, change, counts);
    }
    for (const batch of batches.values()) await this.#end(batch, counts);
    return counts;
  }

  #begin({ key, series }: CandleChange): SeriesBatch {
    const state = this.series.get(key) ?? new SeriesState(this.#options.rules);
    this.series.set(key, state);
    const snapshot = this.#snapshots.get(key) ?? snapshotOf(state.position, this.takenBelow - 1n);
    return { key, series, state, snapshot, last: null, late: [], to: state.position };
  }

  #take(batch: SeriesBatch, change: CandleChange, counts: BatchCounts): void {
    const { key, state, late } = batch;
    if (change.origin === 'initial_snapshot') {
      batch.snapshot = snapshotOf(change, change.offset);
      if (batch.snapshot !== null) this.#snapshots.set(key, batch.snapshot);
    }
    const placed =
      batch.snapshot === null ? change : placedAfter(batch.snapshot, batch.to.version, change);
    if (isApplied(batch.to, placed)) {
      counts.skipped += 1;
      return;
    }
    this.dirty.add(key);
    batch.to = advance(batch.to, placed);
    // Once one change needs history, what follows it in the series does too.
    if (late.length > 0) {
      late.push(placed);
      return;
    }
    const applied = state.apply(placed);
    if (applied.outcome === 'needs_history') {
      late.push(placed);
    } else if (applied.outcome === 'unchanged') {
      counts.skipped += 1;
    } else {
      counts.applied += 1;
      batch.last = applied.row;
      this.#options.output.change(placed);
      this.#options.output.derived(key, change.series, applied.row);
    }
  }

  async #end(batch: SeriesBatch, counts: BatchCounts): Promise<void> {
    const { key, state, late } = batch;
    const { output } = this.#options;
    if (late.length > 0) {
      counts.refolded += 1;
      const { isChanged, row } = await this.#refold(batch);
      if (isChanged) batch.last = row;
      if (isChanged && row === null) output.newest(key, null);
    }
    if (batch.last !== null) output.newest(key, { candle: state.newest!, row: batch.last });
  }

  /** Folds the series again with the late changes of a batch. @returns the row of its newest candle. */
  async #refold({
    key,
    series,
    state,
    late,
    to,
  }: SeriesBatch): Promise<{ readonly isChanged: boolean; readonly row: DerivedRow | null }> {
    const { output, readHistory } = this.#options;
    const candles = new Map<EpochMs, HistoricCandle>();
    for (const candle of await readHistory(series, state.position)) {
      candles.set(candle.openTime, candle);
    }
    const causes: Cause[] = [];
    const deleted = new Map<EpochMs, bigint>();
    for (const change of late) {
      if (!mend(candles, change)) continue;
      output.change(change);
      causes.push({ version: change.version, openTime: change.openTime });
      if (change.values === null) deleted.set(change.openTime, change.version);
      else deleted.delete(change.openTime);
    }
    for (const [openTime, version] of deleted) {
      output.derived(key, series, { openTime, candleVersion: version, version, evaluation: null });
    }
    const history = [...candles.values()].sort((a, b) => a.openTime - b.openTime);
    const row = state.refold(history, causes, to, (derived) =>
      output.derived(key, series, derived),
    );
    return { isChanged: causes.length > 0, row };
  }
}

/** Applies one change to the history. @returns false when it changes nothing. */
function mend(candles: Map<EpochMs, HistoricCandle>, change: CandleChange): boolean {
  const { openTime, values } = change;
  const known = candles.get(openTime);
  if (values === null) return candles.delete(openTime);
  const candle = candleAfter(change, values);
  if (known !== undefined && sameCandle(candle, known)) return false;
  candles.set(openTime, candle);
  return true;
}

/**
 * One Kafka partition of candle changes: all its series, each in commit order. In: the changes of a
 * batch. Out: rows in the writer, series whose latest values changed. A series with a change in its
 * middle is folded again from the ledger, once per batch.
 */
import { seriesKey, type Series } from '#core/candle.ts';
import type { CandleChange } from '#core/contracts/candle-change.ts';
import type { EpochMs } from '#core/time.ts';
import { placedAfter, snapshotOf, type SnapshotPlace } from './overlap.ts';
import {
  candleAfter,
  isApplied,
  placeOf,
  sameCandle,
  SeriesState,
  type Cause,
  type DerivedRow,
  type HistoricCandle,
  type Position,
} from './series-state.ts';
import type { CompiledRuleSet } from './signals/rule-set.ts';

/** Where a partition puts what it derives. */
export interface PartitionOutput {
  change(change: CandleChange): void;
  derived(key: string, series: Series, row: DerivedRow): void;
  /**
   * The newest candle of a series that changed, once for each batch, with the row that is now its
   * own. The vector of the row is valid until the next batch.
   */
  newest(key: string, candle: HistoricCandle, row: DerivedRow): void;
}

export interface PartitionOptions {
  readonly rules: CompiledRuleSet;
  /** Closed candles of a series as they stood before a place in the stream. */
  readonly readHistory: (series: Series, before: Position) => Promise<HistoricCandle[]>;
  readonly output: PartitionOutput;
}

export interface BatchCounts {
  applied: number;
  /** Delivered again, or sent again without a difference. */
  skipped: number;
  /** Series folded again from their history. */
  refolded: number;
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

  /** Applies the changes of one batch; candles that still run are passed over. */
  async apply(changes: readonly CandleChange[]): Promise<BatchCounts> {
    const counts: BatchCounts = { applied: 0, skipped: 0, refolded: 0 };
    for (const [key, group] of groupBySeries(changes)) {
      const state = this.series.get(key) ?? new SeriesState(this.#options.rules);
      this.series.set(key, state);
      const fresh = this.#unapplied(key, state.position, group);
      counts.skipped += group.length - fresh.length;
      const first = fresh[0];
      if (first === undefined) continue;
      this.dirty.add(key);
      if (!this.#applyInOrder(state, fresh, counts)) {
        counts.refolded += 1;
        await this.#refold(state, first.series, fresh);
      }
    }
    return counts;
  }

  /** What lies behind `position`; a batch may hold changes that it has itself brought before. */
  #unapplied(key: string, position: Position, changes: readonly CandleChange[]): CandleChange[] {
    let at = position;
    let snapshot = this.#snapshots.get(key) ?? snapshotOf(at, this.takenBelow - 1n);
    const fresh: CandleChange[] = [];
    for (const change of changes) {
      if (change.origin === 'initial_snapshot') {
        snapshot = snapshotOf(change, change.offset);
        if (snapshot !== null) this.#snapshots.set(key, snapshot);
      }
      const placed = snapshot === null ? change : placedAfter(snapshot, at.version, change);
      if (isApplied(at, placed)) continue;
      at = placeOf(placed);
      fresh.push(placed);
    }
    return fresh;
  }

  /** @returns false when a change needs history; what was derived before it is derived again. */
  #applyInOrder(
    state: SeriesState,
    changes: readonly CandleChange[],
    counts: BatchCounts,
  ): boolean {
    const { output } = this.#options;
    let last: DerivedRow | null = null;
    for (const change of changes) {
      const applied = state.apply(change);
      if (applied.outcome === 'needs_history') return false;
      if (applied.outcome === 'unchanged') {
        counts.skipped += 1;
        continue;
      }
      counts.applied += 1;
      last = applied.row;
      output.change(change);
      output.derived(change.key, change.series, last);
    }
    if (last !== null) output.newest(changes[0]!.key, state.newest!, last);
    return true;
  }

  async #refold(
    state: SeriesState,
    series: Series,
    changes: readonly CandleChange[],
  ): Promise<void> {
    const { output, readHistory } = this.#options;
    const candles = new Map<EpochMs, HistoricCandle>();
    for (const candle of await readHistory(series, placeOf(changes[0]!)))
      candles.set(candle.openTime, candle);

    const causes: Cause[] = [];
    const deleted = new Map<EpochMs, bigint>();
    for (const change of changes) {
      if (!mend(candles, change)) continue;
      output.change(change);
      causes.push({ version: change.version, openTime: change.openTime });
      if (change.values === null) deleted.set(change.openTime, change.version);
      else deleted.delete(change.openTime);
    }
    const key = seriesKey(series);
    for (const [openTime, version] of deleted) {
      output.derived(key, series, { openTime, candleVersion: version, version, evaluation: null });
    }
    const history = [...candles.values()].sort((a, b) => a.openTime - b.openTime);
    const last = state.refold(history, causes, placeOf(changes.at(-1)!), (row) =>
      output.derived(key, series, row),
    );
    if (causes.length > 0 && last !== null) output.newest(key, state.newest!, last);
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

function groupBySeries(changes: readonly CandleChange[]): Map<string, CandleChange[]> {
  const groups = new Map<string, CandleChange[]>();
  for (const change of changes) {
    if (change.values?.isClosed === false) continue;
    const group = groups.get(change.key);
    if (group === undefined) groups.set(change.key, [change]);
    else group.push(change);
  }
  return groups;
}

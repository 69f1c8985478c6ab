/**
 * One Kafka partition of changes: all its series, each in commit order. In: the changes of a batch.
 * Out: rows in the writer, series whose latest values changed. What needs the history of a series, a
 * change in its middle or a move of its anchor, is folded again once per batch.
 */
import type { Series } from '#core/candle.ts';
import type { CandleChange } from '#core/contracts/candle-change.ts';
import type { AnchorChange, GapChange } from '#core/contracts/ledger-change.ts';
import type { LateChange } from './history-walk.ts';
import { endOf, withGap, type HoleCut, type Holes } from './holes.ts';
import { placedAfter, snapshotOf, type SnapshotPlace } from './overlap.ts';
import { advance, isApplied, type Position } from './position.ts';
import type { AnchorMove, Refolded } from './refold-pass.ts';
import { refold } from './refold.ts';
import type { SeriesHistory } from './series-history.ts';
import { NO_ANCHOR, SeriesState, type DerivedRow, type NewestCandle } from './series-state.ts';
import type { CompiledRuleSet } from './signals/rule-set.ts';
import { WAYPOINT_CANDLES, type Waypoint, type WaypointCause } from './waypoint.ts';

/** What moves a series. */
export type SeriesEvent = CandleChange | AnchorChange | GapChange;

/** Where a partition puts what it derives. */
export interface PartitionOutput {
  change(change: CandleChange): void;
  anchor(change: AnchorChange): void;
  gap(change: GapChange): void;
  derived(key: string, series: Series, row: DerivedRow): void;
  waypoint(key: string, waypoint: Waypoint, cause: WaypointCause): void;
  /**
   * The newest candle of a series that changed, once for each batch, with the row that is now its
   * own; null when the last candle of the series was deleted. The vector of the row is valid until
   * the next batch.
   */
  newest(key: string, newest: NewestCandle | null): void;
}

export interface PartitionOptions {
  readonly rules: CompiledRuleSet;
  readonly history: SeriesHistory;
  readonly output: PartitionOutput;
  /** Called before a history is read: by then it must hold what was put out. */
  readonly settle?: () => Promise<void>;
  /** Called now and then while a series is folded again; what it throws ends the batch. */
  readonly breathe?: () => Promise<void>;
  /** Candles between waypoints; default WAYPOINT_CANDLES. */
  readonly waypointCandles?: number;
}

export interface BatchCounts {
  applied: number;
  /** Delivered again, or sent again without a difference. */
  skipped: number;
  /** Series of which a part was folded again. */
  refolded: number;
  /** Rows that folding wrote again. */
  refoldedRows: number;
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
  readonly late: LateChange[];
  /** How far the batch has come. */
  to: Position;
  /** The anchor as far as the batch has come; the state still has the one before the first move. */
  anchor: number;
  /** Where the moves went that wait for the end of the batch. */
  moved: AnchorMove | null;
  /** The holes as far as the batch has come, and where they changed behind its candles. */
  holes: Holes;
  readonly cuts: HoleCut[];
  /** Of the newest change of any kind. */
  offset: string;
}

const NOTHING = async (): Promise<void> => undefined;

export class PartitionState {
  readonly #options: PartitionOptions;
  readonly #waypointCandles: number;
  readonly series = new Map<string, SeriesState>();
  /** Series that changed since the last checkpoint. */
  readonly dirty = new Set<string>();
  /** Restored states hold everything of the topic that lies below this offset. */
  takenBelow = 0n;
  /** The newest initial snapshot of each series that was delivered. */
  readonly #snapshots = new Map<string, SnapshotPlace>();

  constructor(options: PartitionOptions) {
    this.#options = options;
    this.#waypointCandles = options.waypointCandles ?? WAYPOINT_CANDLES;
  }

  /**
   * Applies the changes of one batch; candles that still run are passed over. Changes are taken as
   * they come, so that a caller can make them one by one and most of them die young.
   */
  async apply(events: Iterable<SeriesEvent>): Promise<BatchCounts> {
    const counts: BatchCounts = { applied: 0, skipped: 0, refolded: 0, refoldedRows: 0 };
    const batches = new Map<string, SeriesBatch>();
    for (const event of events) {
      if ('values' in event && event.values?.isClosed === false) continue;
      let batch = batches.get(event.key);
      if (batch === undefined) {
        batch = this.#begin(event);
        batches.set(event.key, batch);
      }
      if ('anchor' in event) this.#takeAnchor(batch, event, counts);
      else if ('gap' in event) this.#takeGap(batch, event, counts);
      else this.#take(batch, event, counts);
    }
    for (const batch of batches.values()) await this.#end(batch, counts);
    return counts;
  }

  #begin({ key, series, offset }: SeriesEvent): SeriesBatch {
    const state = this.series.get(key) ?? new SeriesState(this.#options.rules);
    this.series.set(key, state);
    const snapshot = this.#snapshots.get(key) ?? snapshotOf(state.position, this.takenBelow - 1n);
    const { position: to, anchor, holes } = state;
    const before = { to, anchor, moved: null, holes, cuts: [], offset };
    return { key, series, state, snapshot, last: null, late: [], ...before };
  }

  #take(batch: SeriesBatch, change: CandleChange, counts: BatchCounts): void {
    const { key, state, late } = batch;
    const placed = this.#place(batch, change);
    if (isApplied(batch.to, placed)) {
      counts.skipped += 1;
      return;
    }
    this.dirty.add(key);
    batch.to = advance(batch.to, placed);
    batch.offset = change.offset;
    // Once one change needs history, what follows it in the series does too.
    const isOlder = placed.openTime < batch.anchor;
    if (isWaiting(batch)) {
      late.push({ change: placed, isOlder });
      return;
    }
    const applied = state.apply(placed, this.#waypointCandles);
    if (applied.outcome === 'needs_history') {
      late.push({ change: placed, isOlder });
    } else if (applied.outcome === 'unchanged') {
      counts.skipped += 1;
    } else {
      counts.applied += 1;
      this.#options.output.change(placed);
      this.#options.output.derived(key, change.series, applied.row);
      if (applied.outcome === 'stored') return;
      batch.last = applied.row;
      if (applied.waypoint !== null) {
        const { offset } = change;
        this.#options.output.waypoint(key, applied.waypoint, { offset, isFoldedAgain: false });
      }
    }
  }

  /** The first anchor of a series costs nothing; a later one waits for the end of the batch. */
  #takeAnchor(batch: SeriesBatch, change: AnchorChange, counts: BatchCounts): void {
    const { key, state } = batch;
    const placed = this.#place(batch, change);
    if (placed.version <= batch.to.anchor) {
      counts.skipped += 1;
      return;
    }
    this.dirty.add(key);
    counts.applied += 1;
    const before = batch.anchor;
    const anchor = placed.anchor ?? NO_ANCHOR;
    batch.to = { ...batch.to, anchor: placed.version };
    batch.anchor = anchor;
    batch.offset = change.offset;
    this.#options.output.anchor(placed);
    const isEmpty = state.newest === null && state.anchor === NO_ANCHOR;
    if (!isWaiting(batch) && (isEmpty || anchor === before)) {
      state.anchor = anchor;
      state.position = { ...state.position, anchor: placed.version };
    } else if (anchor !== before) {
      const { from = before, to = before, moves = 0 } = batch.moved ?? {};
      const { version } = placed;
      batch.moved = {
        from: Math.min(from, anchor),
        to: Math.max(to, anchor),
        version,
        moves: moves + 1,
      };
    }
  }

  /**
   * Rows of a snapshot share a version, so one that is told again may be taken again: what it says is
   * the same. What lies ahead of the candles costs nothing.
   */
  #takeGap(batch: SeriesBatch, change: GapChange, counts: BatchCounts): void {
    const { key, state } = batch;
    const placed = this.#place(batch, change);
    const { version, from } = placed;
    if (version < batch.to.gap) {
      counts.skipped += 1;
      return;
    }
    this.dirty.add(key);
    counts.applied += 1;
    batch.to = { ...batch.to, gap: version };
    batch.offset = change.offset;
    this.#options.output.gap(placed);
    const holes = withGap(batch.holes, placed);
    const isBehind = state.newest !== null && from <= state.newest.openTime;
    // What ends before the anchor lies between candles that do not count.
    const isOlder = endOf(batch.holes, holes, from) <= batch.anchor;
    if (holes !== batch.holes && !isOlder && (isBehind || isWaiting(batch))) {
      batch.cuts.push({ from: Math.max(from, batch.anchor), version });
    }
    batch.holes = holes;
    if (isWaiting(batch)) return;
    state.holes = holes;
    state.position = { ...state.position, gap: version };
  }

  #place<Change extends SeriesEvent>(batch: SeriesBatch, change: Change): Change {
    if (change.origin === 'initial_snapshot') {
      const snapshot = snapshotOf(change, change.offset);
      if (snapshot !== null) {
        batch.snapshot = snapshot;
        this.#snapshots.set(batch.key, snapshot);
      }
    }
    return batch.snapshot === null ? change : placedAfter(batch.snapshot, batch.to.version, change);
  }

  async #end(batch: SeriesBatch, counts: BatchCounts): Promise<void> {
    const { key, state, to, anchor, holes } = batch;
    const { output } = this.#options;
    if (isWaiting(batch)) {
      counts.refolded += 1;
      const { isNewestChanged, row, rows } = await this.#refold(batch);
      counts.refoldedRows += rows;
      if (isNewestChanged) batch.last = row;
      if (isNewestChanged && row === null) output.newest(key, null);
      state.position = to;
      state.anchor = anchor;
      state.holes = holes;
    }
    if (batch.last !== null) output.newest(key, { candle: state.newest!, row: batch.last });
  }

  async #refold(batch: SeriesBatch): Promise<Refolded> {
    const { key, series, state, late, anchor, moved, holes, cuts, offset } = batch;
    const { output, history, settle = NOTHING, breathe = NOTHING } = this.#options;
    await settle();
    return refold(
      { series, state, late, anchor, moved, holes, cuts },
      {
        history,
        breathe,
        waypointCandles: this.#waypointCandles,
        output: {
          change: (change) => output.change(change),
          derived: (row) => output.derived(key, series, row),
          waypoint: (waypoint) => output.waypoint(key, waypoint, { offset, isFoldedAgain: true }),
        },
      },
    );
  }
}

/** Something waits for the end of the batch; what follows it in the series does too. */
function isWaiting({ late, moved, cuts }: SeriesBatch): boolean {
  return late.length > 0 || moved !== null || cuts.length > 0;
}

/**
 * One pass over the candles of a series that count, from the nearest waypoint before the first change
 * to where the new state is the stored one bit for bit. In: the state before the batch, its changes.
 * Out: rows from the first change on, waypoints that differ. See refold.ts for what it is part of.
 */
import type { Series } from '#core/candle.ts';
import type { CandleChange } from '#core/contracts/candle-change.ts';
import { Evaluator, toldDecision, unanchored } from './evaluation.ts';
import { barOf } from './features/bar.ts';
import { findStart } from './find-start.ts';
import type { HistoricCandle } from './historic-candle.ts';
import { isAcrossHole, type HoleCut, type Holes } from './holes.ts';
import { walk, type LateChange, type Overlay, type Step } from './history-walk.ts';
import type { OpenRange, SeriesHistory, WaypointMark } from './series-history.ts';
import type { DerivedRow, EarlierDecision, SeriesState } from './series-state.ts';
import {
  boundaryOf,
  resumeWaypoint,
  waypointHash,
  waypointText,
  type Waypoint,
} from './waypoint.ts';

export interface RefoldOptions {
  readonly history: SeriesHistory;
  readonly waypointCandles: number;
  readonly output: RefoldOutput;
  /** Called between pages: a long pass must not look dead, nor fill the memory. */
  readonly breathe: () => Promise<void>;
}

export interface RefoldOutput {
  change(change: CandleChange): void;
  derived(row: DerivedRow): void;
  waypoint(waypoint: Waypoint): void;
}

/** What a batch wants of a series. */
export interface RefoldRequest {
  readonly series: Series;
  readonly state: SeriesState;
  /** In stream order. */
  readonly late: readonly LateChange[];
  /** The anchor after the batch. */
  readonly anchor: number;
  /** Where the batch moved it; null where it did not. */
  readonly moved: AnchorMove | null;
  /** The holes after the batch. */
  readonly holes: Holes;
  /** Where the batch changed them, in any order. */
  readonly cuts: readonly HoleCut[];
}

/** Open times that an anchor passed on its way, there and back. */
export interface AnchorMove extends OpenRange {
  /** Of its last step. */
  readonly version: bigint;
  /** Steps on that way. */
  readonly moves: number;
}

export interface Refolded {
  /** The newest candle or its row may be another. */
  readonly isNewestChanged: boolean;
  /** The row of the newest candle; null where no candle counts. */
  readonly row: DerivedRow | null;
  /** Rows that were written again. */
  readonly rows: number;
}

/** One walk over the candles that count. */
export class RefoldPass {
  readonly #request: RefoldRequest;
  readonly #overlay: readonly Overlay[];
  readonly #options: RefoldOptions;
  readonly #move: AnchorMove | null;
  #evaluator: Evaluator;
  /** The same as it was before the batch, from the first difference on: what had been decided. */
  #was: Evaluator | null;
  /** Where nothing had been decided before the batch. */
  readonly #nothing: EarlierDecision;
  /** The last candle that the evaluator took. */
  #last: Pick<HistoricCandle, 'openTime' | 'values'> | null = null;
  #newest: HistoricCandle | null = null;
  /** The last candle before the batch at or before here. */
  #lastKnown: HistoricCandle | null = null;
  /** The newest version among the causes so far; below 0 before the first. */
  #cause: bigint;
  readonly #cuts: readonly HoleCut[];
  #nextCut = 0;
  #marks: readonly WaypointMark[] = [];
  #nextMark = 0;
  #row: DerivedRow | null = null;
  #rows = 0;

  constructor(
    request: RefoldRequest,
    overlay: readonly Overlay[],
    move: AnchorMove | null,
    options: RefoldOptions,
  ) {
    this.#request = request;
    this.#overlay = overlay;
    this.#move = move;
    this.#options = options;
    this.#cause = move?.version ?? -1n;
    this.#cuts = request.cuts.toSorted((a, b) => a.from - b.from);
    this.#evaluator = new Evaluator(request.state.rules);
    const { late, moved, cuts } = request;
    this.#nothing = late.length + cuts.length + (moved?.moves ?? 0) > 1 ? 'any' : null;
    // Behind a moved anchor the two differ from the beginning.
    this.#was = move === null ? null : new Evaluator(request.state.rules);
  }

  async run(): Promise<Refolded> {
    const { series, state } = this.#request;
    const { history, breathe } = this.#options;
    const range = { from: await this.#begin(), to: Infinity };
    this.#marks = await history.waypointMarks(series, state.position, {
      // The one that it starts from is as it should be.
      from: range.from + 1,
      to: Infinity,
    });
    const pages = history.candles(series, state.position, range);
    for await (const step of walk(pages, this.#overlay, breathe)) {
      if (this.#take(step)) return { isNewestChanged: false, row: null, rows: this.#rows };
    }
    if (this.#cause < 0n) return { isNewestChanged: false, row: null, rows: 0 };
    this.#mark(Infinity, null);
    state.settle({ evaluator: this.#evaluator, newest: this.#newest });
    return { isNewestChanged: true, row: this.#row ?? this.#rowAtStart(), rows: this.#rows };
  }

  /** Where everything behind the waypoint is gone, its last candle is the newest. */
  #rowAtStart(): DerivedRow | null {
    if (this.#newest === null) return null;
    const candle = this.#newest;
    const { openTime, values, version } = candle;
    const evaluation = this.#evaluator.again(barOf({ ...values, openTime }));
    return { openTime, candleVersion: version, version, evaluation, candle, before: null };
  }

  /** @returns where reading starts. */
  async #begin(): Promise<number> {
    const { series, state, anchor } = this.#request;
    if (this.#move !== null) return this.#move.from;
    const first = Math.min(this.#overlay[0]?.openTime ?? Infinity, this.#cuts[0]?.from ?? Infinity);
    const range = { from: anchor, to: first + 1 };
    const { history } = this.#options;
    const start = await findStart(state.rules, series, state.position, range, history);
    if (start === null) return anchor;
    this.#evaluator = start.resumed.evaluator;
    this.#last = start.resumed.newest;
    this.#newest = start.before;
    this.#lastKnown = start.before;
    return start.boundary;
  }

  /** @returns true when nothing that follows can differ. */
  #take(step: Step): boolean {
    const { openTime, known, candle, effective } = step;
    const isSettled = step.isSettled && this.#nextCut === this.#cuts.length;
    const { series, state, anchor } = this.#request;
    const { output, waypointCandles } = this.#options;
    if (isSettled && this.#cause < 0n) return true;
    for (const change of effective) output.change(change);
    const newest = effective.at(-1)?.version ?? -1n;
    const before = this.#decided(step);
    if (openTime < anchor) {
      this.#mark(openTime, null);
      const version = newest > this.#cause ? newest : this.#cause;
      const evaluation = candle === null ? null : unanchored(state.rules);
      if (candle !== null || newest >= 0n) {
        const candleVersion = candle?.version ?? newest;
        this.#emit({ openTime, candleVersion, version, evaluation, candle, before });
      }
      return false;
    }
    const boundary =
      candle === null ? null : boundaryOf(series.interval, openTime, waypointCandles);
    const isSame = this.#mark(openTime, boundary);
    // Nor may the anchor, which passed over what lies before.
    if (isSame && isSettled && openTime >= (this.#move?.to ?? -Infinity)) return true;
    // What counted before the batch is what the waypoints hold.
    if (known !== null && openTime >= state.anchor) this.#lastKnown = known;
    this.#raise(effective);
    for (; (this.#cuts[this.#nextCut]?.from ?? Infinity) <= openTime; this.#nextCut += 1) {
      this.#raise([this.#cuts[this.#nextCut]!]);
    }
    if (candle !== null) {
      this.#fold(candle, before);
    } else if (newest >= 0n) {
      const version = this.#cause;
      this.#emit({ openTime, candleVersion: newest, version, evaluation: null, candle, before });
    }
    return false;
  }

  #raise(causes: readonly { readonly version: bigint }[]): void {
    for (const { version } of causes) if (version > this.#cause) this.#cause = version;
  }

  /** What had been decided here before the batch; from its first difference on. */
  #decided({ openTime, known, effective }: Step): EarlierDecision {
    const { series, state } = this.#request;
    const isCut = (this.#cuts[this.#nextCut]?.from ?? Infinity) <= openTime;
    if (this.#was === null && (effective.length > 0 || isCut)) {
      const text = waypointText(this.#evaluator, this.#last);
      this.#was = resumeWaypoint(state.rules, text).evaluator;
    }
    if (this.#was === null || known === null || openTime < state.anchor) return this.#nothing;
    const isAcross = isAcrossHole(state.holes, series.interval, this.#was.openTime, openTime);
    const evaluation = this.#was.add(barOf({ ...known.values, openTime }), isAcross);
    const decision = toldDecision(evaluation);
    return decision === null || decision === 'Neutral' ? this.#nothing : decision;
  }

  #fold(candle: HistoricCandle, before: EarlierDecision): void {
    const { openTime, values, version } = candle;
    const { series, holes } = this.#request;
    const isAcross = isAcrossHole(holes, series.interval, this.#last?.openTime ?? null, openTime);
    const evaluation = this.#evaluator.add(barOf({ ...values, openTime }), isAcross);
    this.#last = candle;
    this.#newest = candle;
    const row = {
      openTime,
      candleVersion: version,
      version: this.#cause,
      evaluation,
      candle,
      before,
    };
    this.#row = row;
    if (this.#cause >= 0n) this.#emit(row);
  }

  #emit(row: DerivedRow): void {
    this.#rows += 1;
    this.#options.output.derived(row);
  }

  /**
   * Brings the waypoints between the last candle and `openTime` up to date, and makes the one of the
   * grid. @returns true when a stored one that was true holds the very state.
   */
  #mark(openTime: number, boundary: number | null): boolean {
    const last = this.#last;
    const due: { readonly boundary: number; readonly mark: WaypointMark | null }[] = [];
    for (; this.#nextMark < this.#marks.length; this.#nextMark += 1) {
      const mark = this.#marks[this.#nextMark]!;
      if (mark.boundary > openTime) break;
      due.push({ boundary: mark.boundary, mark });
    }
    const isNew = last !== null && boundary !== null && last.openTime < boundary;
    if (isNew && due.at(-1)?.boundary !== boundary) {
      due.push({ boundary, mark: null });
    }
    if (due.length === 0) return false;
    const text = waypointText(this.#evaluator, last);
    const hash = waypointHash(text);
    let isSame = false;
    for (const { boundary: at, mark } of due) {
      if (mark !== null && mark.hash === hash) {
        isSame ||= mark.version >= (this.#lastKnown?.version ?? 0n);
      } else if (this.#cause >= 0n) {
        this.#options.output.waypoint({ boundary: at, version: this.#cause, text });
      }
    }
    return isSame;
  }
}

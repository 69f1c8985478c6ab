/**
 * One series as the analyzer holds it: how far the stream was taken, the first candle that counts, the
 * newest candle, and the evaluator behind it. `apply` is the deterministic step for a change that
 * needs no history; a change in the middle of the series is answered with `needs_history` and goes
 * through refold.ts.
 */
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import type { CandleChange } from '#core/contracts/candle-change.ts';
import type { Decision } from '#core/signal.ts';
import { epochMs, type EpochMs } from '#core/time.ts';
import { Evaluator, toldDecision, unanchored, type CandleEvaluation } from './evaluation.ts';
import { barOf } from './features/bar.ts';
import { isAcrossHole, NO_HOLES, type Holes } from './holes.ts';
import {
  candleAfter,
  invalidState,
  restoreValues,
  sameCandle,
  SAVED_VALUES,
  saveValues,
  type HistoricCandle,
} from './historic-candle.ts';
import { advance, parsePosition, positionText, START, type Position } from './position.ts';
import type { CompiledRuleSet } from './signals/rule-set.ts';
import { boundaryOf, WAYPOINT_CANDLES, waypointText, type Waypoint } from './waypoint.ts';

/** A row of features and signal that must be written. */
export interface DerivedRow {
  readonly openTime: EpochMs;
  /** The version of the candle that the row is about. */
  readonly candleVersion: bigint;
  /** The version of the change that caused the row. */
  readonly version: bigint;
  /** Null when the candle was deleted: then the rows go too. */
  readonly evaluation: CandleEvaluation | null;
  /** The candle itself; null when it was deleted. */
  readonly candle: HistoricCandle | null;
  readonly before: EarlierDecision;
}

/**
 * What was decided for a candle before a change; null where nothing was. A function of the state alone, so
 * that what was told and holds no more is known however often a change is delivered. `any` where several
 * changes were folded at once: had they come one by one, as they may have before a crash, any decision could
 * have been told in between.
 */
export type EarlierDecision = Decision | 'any' | null;

/** The newest candle of a series, and the row that is its own. */
export interface NewestCandle {
  readonly candle: HistoricCandle;
  readonly row: DerivedRow;
}

export type Applied =
  /** In order: the change stands, and this is its row. */
  | { readonly outcome: 'derived'; readonly row: DerivedRow; readonly waypoint: Waypoint | null }
  /** Older than the anchor: stored, and nothing follows from it. */
  | { readonly outcome: 'stored'; readonly row: DerivedRow }
  /** The newest candle, sent again just as it was. */
  | { readonly outcome: 'unchanged' }
  /** What it does depends on candles that the state does not hold. */
  | { readonly outcome: 'needs_history' };

const Saved = Compile(
  Type.Object(
    {
      position: Type.String(),
      anchor: Type.Union([Type.Integer(), Type.Null()]),
      newest: Type.Union([
        Type.Object({
          openTime: Type.Integer(),
          version: Type.String(),
          revision: Type.Integer(),
          observedAt: Type.Integer(),
          source: Type.String(),
          values: SAVED_VALUES,
        }),
        Type.Null(),
      ]),
      evaluator: Type.String(),
      holes: Type.Array(
        Type.Object(
          { from: Type.Integer(), to: Type.Integer(), isMadeUp: Type.Boolean() },
          { additionalProperties: false },
        ),
      ),
    },
    { additionalProperties: false },
  ),
);

/** What every candle counts from where nobody set an anchor. */
export const NO_ANCHOR = -Infinity;

/** What a series comes to once some of its candles were folded. */
export interface FoldedSeries {
  readonly evaluator: Evaluator;
  /** The newest candle that counts. */
  readonly newest: HistoricCandle | null;
}

export class SeriesState {
  readonly rules: CompiledRuleSet;
  #evaluator: Evaluator;
  #newest: HistoricCandle | null = null;
  position: Position = START;
  /** Open time of the first candle that counts, or NO_ANCHOR. */
  anchor: number = NO_ANCHOR;
  /** What its candles must not be trusted across. */
  holes: Holes = NO_HOLES;

  constructor(rules: CompiledRuleSet) {
    this.rules = rules;
    this.#evaluator = new Evaluator(rules);
  }

  /** The newest candle that counts; null where there is none. */
  get newest(): HistoricCandle | null {
    return this.#newest;
  }

  /**
   * Applies a change of a closed candle; the position moves unless history is needed.
   * @param waypointCandles candles between two boundaries.
   */
  apply(change: CandleChange, waypointCandles = WAYPOINT_CANDLES): Applied {
    const { values, openTime, version } = change;
    if (openTime < this.anchor) return this.#store(change);
    const newest = this.#newest;
    const isNext = newest === null || openTime > newest.openTime;
    if (values === null || (!isNext && openTime < newest.openTime)) {
      return { outcome: 'needs_history' };
    }
    const candle = candleAfter(change, values);
    if (!isNext && sameCandle(candle, newest)) {
      this.position = advance(this.position, change);
      return { outcome: 'unchanged' };
    }
    const waypoint = isNext ? this.#waypointBefore(change, waypointCandles) : null;
    const before = isNext ? null : this.#decided(newest);
    const bar = barOf({ ...values, openTime });
    const evaluation = isNext
      ? this.#evaluator.add(bar, this.#isAcrossHole(change))
      : this.#evaluator.replace(bar);
    this.#newest = candle;
    this.position = advance(this.position, change);
    const row = { openTime, candleVersion: version, version, evaluation, candle, before };
    return { outcome: 'derived', row, waypoint };
  }

  /** What the newest candle was decided to be, which a state need not keep. */
  #decided({ openTime, values }: HistoricCandle): Decision | null {
    return toldDecision(this.#evaluator.again(barOf({ ...values, openTime })));
  }

  /** A change before the anchor is its own row and no other. */
  #store(change: CandleChange): Applied {
    // A snapshot tells rows again that did not change; the stream only those that did.
    if (change.origin !== 'stream') return { outcome: 'needs_history' };
    const { openTime, version, values } = change;
    this.position = advance(this.position, change);
    const evaluation = values === null ? null : unanchored(this.rules);
    return {
      outcome: 'stored',
      row: {
        openTime,
        candleVersion: version,
        version,
        evaluation,
        candle: values === null ? null : candleAfter(change, values),
        before: null,
      },
    };
  }

  #isAcrossHole({ series, openTime }: CandleChange): boolean {
    return isAcrossHole(this.holes, series.interval, this.#newest?.openTime ?? null, openTime);
  }

  #waypointBefore({ series, openTime, version }: CandleChange, candles: number): Waypoint | null {
    const newest = this.#newest;
    if (newest === null) return null;
    const boundary = boundaryOf(series.interval, openTime, candles);
    if (newest.openTime >= boundary) return null;
    return { boundary, version, text: waypointText(this.#evaluator, newest) };
  }

  /** Puts the state where folding has brought the series. */
  settle({ evaluator, newest }: FoldedSeries): void {
    this.#evaluator = evaluator;
    this.#newest = newest;
  }

  save(): string {
    const newest = this.#newest;
    return JSON.stringify({
      position: positionText(this.position),
      anchor: this.anchor === NO_ANCHOR ? null : this.anchor,
      newest:
        newest === null
          ? null
          : {
              openTime: newest.openTime,
              version: String(newest.version),
              revision: newest.revision,
              observedAt: newest.observedAt,
              source: newest.source,
              values: saveValues(newest.values),
            },
      evaluator: this.#evaluator.save(),
      holes: this.holes,
    });
  }

  /** @throws AppError WICK_ANALYZER_STATE_INVALID when the text is not such a state. */
  static restore(rules: CompiledRuleSet, text: string): SeriesState {
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch (error) {
      throw invalidState('is not JSON', error);
    }
    if (!Saved.Check(json)) throw invalidState('does not have the shape of one');
    const position = parsePosition(json.position);
    if (position === null) throw invalidState(`stands at "${json.position}", which is no position`);
    const state = new SeriesState(rules);
    state.#evaluator = Evaluator.restore(rules, json.evaluator);
    state.position = position;
    state.anchor = json.anchor ?? NO_ANCHOR;
    state.holes = json.holes;
    if (json.newest !== null) {
      const { revision, source } = json.newest;
      const openTime = epochMs(json.newest.openTime);
      const values = restoreValues(json.newest.values);
      const observedAt = epochMs(json.newest.observedAt);
      const version = BigInt(json.newest.version);
      state.#newest = { openTime, values, revision, observedAt, source, version };
      state.#evaluator.resumeAt(barOf({ ...values, openTime }));
    }
    if ((state.#newest?.openTime ?? null) !== state.#evaluator.openTime) {
      throw invalidState('names another newest candle than its features');
    }
    return state;
  }
}

/**
 * One series as the analyzer holds it: how far the stream was taken, the newest candle, and the
 * evaluator behind it. `apply` is the deterministic step for a change that needs no history; a change
 * in the middle of the series is answered with `needs_history` and goes through `refold`.
 */
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import type { CandleValues } from '#core/candle.ts';
import type { CandleChange } from '#core/contracts/candle-change.ts';
import { parseDecimal, type DecimalString } from '#core/decimal.ts';
import { AppError } from '#core/errors.ts';
import { epochMs, type EpochMs } from '#core/time.ts';
import { Evaluator, type CandleEvaluation } from './evaluation.ts';
import { barOf } from './features/bar.ts';
import { advance, parsePosition, positionText, START, type Position } from './position.ts';
import type { CompiledRuleSet } from './signals/rule-set.ts';

/** A row of features and signal that must be written. */
export interface DerivedRow {
  readonly openTime: EpochMs;
  /** The version of the candle that the row is about. */
  readonly candleVersion: bigint;
  /** The version of the change that caused the row. */
  readonly version: bigint;
  /** Null when the candle was deleted: then the rows go too. */
  readonly evaluation: CandleEvaluation | null;
}

/** A change that rows are derived again for, from its open time on. */
export interface Cause {
  readonly version: bigint;
  readonly openTime: EpochMs;
}

/** A closed candle as the history of a series holds it. */
export interface HistoricCandle {
  readonly openTime: EpochMs;
  readonly values: CandleValues;
  readonly revision: number;
  readonly observedAt: EpochMs;
  readonly source: string;
  readonly version: bigint;
}

/** The newest candle of a series, and the row that is its own. */
export interface NewestCandle {
  readonly candle: HistoricCandle;
  readonly row: DerivedRow;
}

/** The candle that a change leaves behind. */
export function candleAfter(change: CandleChange, values: CandleValues): HistoricCandle {
  const { openTime, revision, observedAt, source, version } = change;
  return { openTime, values, revision, observedAt, source, version };
}

export type Applied =
  /** In order: the change stands, and this is its row. */
  | { readonly outcome: 'derived'; readonly row: DerivedRow }
  /** The newest candle, sent again just as it was. */
  | { readonly outcome: 'unchanged' }
  /** Not the newest candle: the series must be folded again with it. */
  | { readonly outcome: 'needs_history' };

const Saved = Compile(
  Type.Object(
    {
      position: Type.String(),
      newest: Type.Union([
        Type.Object({
          openTime: Type.Integer(),
          version: Type.String(),
          revision: Type.Integer(),
          observedAt: Type.Integer(),
          source: Type.String(),
          values: Type.Array(Type.Union([Type.String(), Type.Number(), Type.Null()]), {
            minItems: 9,
            maxItems: 9,
          }),
        }),
        Type.Null(),
      ]),
      evaluator: Type.String(),
    },
    { additionalProperties: false },
  ),
);

export class SeriesState {
  readonly #rules: CompiledRuleSet;
  #evaluator: Evaluator;
  #newest: HistoricCandle | null = null;
  position: Position = START;

  constructor(rules: CompiledRuleSet) {
    this.#rules = rules;
    this.#evaluator = new Evaluator(rules);
  }

  /** The newest candle; null where there is none. */
  get newest(): HistoricCandle | null {
    return this.#newest;
  }

  /** Applies a change of a closed candle; the position moves unless history is needed. */
  apply(change: CandleChange): Applied {
    const { values, openTime, version } = change;
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
    const bar = barOf({ ...values, openTime });
    const evaluation = isNext ? this.#evaluator.add(bar) : this.#evaluator.replace(bar);
    this.#newest = candle;
    this.position = advance(this.position, change);
    return { outcome: 'derived', row: { openTime, candleVersion: version, version, evaluation } };
  }

  /**
   * Folds the whole series again. `history` are its candles, oldest first, with every change of the
   * batch applied; rows from the first cause on are emitted, each with the newest version among the
   * causes whose open time lies at or before its own.
   * @returns the row of the newest candle, with the candle's own version where it was not emitted;
   * null where there is no candle.
   */
  refold(
    history: readonly HistoricCandle[],
    causes: readonly Cause[],
    position: Position,
    emit: (row: DerivedRow) => void,
  ): DerivedRow | null {
    const ordered = [...causes].sort((a, b) => a.openTime - b.openTime);
    const from = ordered[0]?.openTime ?? Infinity;
    this.#evaluator = new Evaluator(this.#rules);
    let next = 0;
    let version = 0n;
    let row: DerivedRow | null = null;
    for (const candle of history) {
      const { openTime } = candle;
      const evaluation = this.#evaluator.add(barOf({ ...candle.values, openTime }));
      while (next < ordered.length && ordered[next]!.openTime <= openTime) {
        if (ordered[next]!.version > version) version = ordered[next]!.version;
        next += 1;
      }
      const isCaused = openTime >= from;
      row = {
        openTime,
        candleVersion: candle.version,
        version: isCaused ? version : candle.version,
        evaluation,
      };
      if (isCaused) emit(row);
    }
    this.#newest = history.at(-1) ?? null;
    this.position = position;
    return row;
  }

  save(): string {
    const newest = this.#newest;
    return JSON.stringify({
      position: positionText(this.position),
      newest:
        newest === null
          ? null
          : {
              openTime: newest.openTime,
              version: String(newest.version),
              revision: newest.revision,
              observedAt: newest.observedAt,
              source: newest.source,
              values: valueList(newest.values),
            },
      evaluator: this.#evaluator.save(),
    });
  }

  /** @throws AppError WICK_ANALYZER_STATE_INVALID when the text is not such a state. */
  static restore(rules: CompiledRuleSet, text: string): SeriesState {
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch (error) {
      throw invalid('is not JSON', error);
    }
    if (!Saved.Check(json)) throw invalid('does not have the shape of one');
    const position = parsePosition(json.position);
    if (position === null) throw invalid(`stands at "${json.position}", which is no position`);
    const state = new SeriesState(rules);
    state.#evaluator = Evaluator.restore(rules, json.evaluator);
    state.position = position;
    if (json.newest !== null) {
      const { revision, source } = json.newest;
      const openTime = epochMs(json.newest.openTime);
      const values = valuesFrom(json.newest.values);
      const observedAt = epochMs(json.newest.observedAt);
      const version = BigInt(json.newest.version);
      state.#newest = { openTime, values, revision, observedAt, source, version };
      state.#evaluator.resumeAt(barOf({ ...values, openTime }));
    }
    if ((state.#newest?.openTime ?? null) !== state.#evaluator.openTime) {
      throw invalid('names another newest candle than its features');
    }
    return state;
  }
}

/**
 * True when both are the same row but for their place in the stream. Canonical texts are equal
 * exactly when their values are.
 */
export function sameCandle(a: HistoricCandle, b: HistoricCandle): boolean {
  return (
    a.revision === b.revision &&
    a.observedAt === b.observedAt &&
    a.source === b.source &&
    sameValues(a.values, b.values)
  );
}

function sameValues(a: CandleValues, b: CandleValues): boolean {
  return (
    a.close === b.close &&
    a.high === b.high &&
    a.low === b.low &&
    a.open === b.open &&
    a.volume === b.volume &&
    a.quoteVolume === b.quoteVolume &&
    a.trades === b.trades &&
    a.takerBuyBase === b.takerBuyBase &&
    a.takerBuyQuote === b.takerBuyQuote
  );
}

function valueList(values: CandleValues): (string | number | null)[] {
  return [
    values.open,
    values.high,
    values.low,
    values.close,
    values.volume,
    values.quoteVolume,
    values.trades,
    values.takerBuyBase,
    values.takerBuyQuote,
  ];
}

function valuesFrom(list: readonly (string | number | null)[]): CandleValues {
  const [open, high, low, close, volume, quoteVolume, trades, takerBuyBase, takerBuyQuote] = list;
  return {
    open: required(open),
    high: required(high),
    low: required(low),
    close: required(close),
    volume: optional(volume),
    quoteVolume: optional(quoteVolume),
    trades: typeof trades === 'number' ? trades : null,
    takerBuyBase: optional(takerBuyBase),
    takerBuyQuote: optional(takerBuyQuote),
    isClosed: true,
  };
}

function required(value: string | number | null | undefined): DecimalString {
  const parsed = parseDecimal(String(value));
  if (!parsed.ok) throw invalid(`holds "${value}", which is not a price`);
  return parsed.value;
}

function optional(value: string | number | null | undefined): DecimalString | null {
  return value === null || value === undefined ? null : required(value);
}

function invalid(problem: string, cause?: unknown): AppError {
  return new AppError(
    'WICK_ANALYZER_STATE_INVALID',
    `a saved series state ${problem}; rebuild the series from its candles`,
    { cause },
  );
}

/** A closed candle as the history of a series holds it, and the text of its values in saved states. */
import { Type } from 'typebox';
import type { CandleValues } from '#core/candle.ts';
import type { CandleChange } from '#core/contracts/candle-change.ts';
import { parseDecimal, type DecimalString } from '#core/decimal.ts';
import { AppError } from '#core/errors.ts';
import type { EpochMs } from '#core/time.ts';

export interface HistoricCandle {
  readonly openTime: EpochMs;
  readonly values: CandleValues;
  readonly revision: number;
  readonly observedAt: EpochMs;
  readonly source: string;
  readonly version: bigint;
}

/** The candle that a change leaves behind. */
export function candleAfter(change: CandleChange, values: CandleValues): HistoricCandle {
  const { openTime, revision, observedAt, source, version } = change;
  return { openTime, values, revision, observedAt, source, version };
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

/** The values of a candle as a saved state lists them. */
export const SAVED_VALUES = Type.Array(Type.Union([Type.String(), Type.Number(), Type.Null()]), {
  minItems: 9,
  maxItems: 9,
});

export function saveValues(values: CandleValues): (string | number | null)[] {
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

/** @throws AppError WICK_ANALYZER_STATE_INVALID when one of them is no decimal. */
export function restoreValues(list: readonly (string | number | null)[]): CandleValues {
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
  if (!parsed.ok) throw invalidState(`holds "${value}", which is not a price`);
  return parsed.value;
}

function optional(value: string | number | null | undefined): DecimalString | null {
  return value === null || value === undefined ? null : required(value);
}

export function invalidState(problem: string, cause?: unknown): AppError {
  return new AppError(
    'WICK_ANALYZER_STATE_INVALID',
    `a saved series state ${problem}; rebuild the series from its candles`,
    { cause },
  );
}

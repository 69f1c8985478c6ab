/**
 * Coinbase's words into ours. In: parsed rows, their numbers as text. Out: candles and instruments with
 * exact decimals and, for each row that cannot be mapped, one reason. Pure: no clock, no socket. The
 * venue counts in seconds, newest first, low before high before open, and says nothing of quote volume
 * or trades, which stay null. A candle counts as closed when its interval is over by the venue's clock.
 */
import type { Candle, Series } from '#core/candle.ts';
import { parseDecimal, type DecimalString } from '#core/decimal.ts';
import type { Interval } from '#core/interval.ts';
import { isEpochMs, type EpochMs } from '#core/time.ts';
import { parseKeepingNumbers } from '../json-numbers.ts';
import { endOf, exact, exactOrNull, mapRows, type RowReader, type RowResult } from '../map-rows.ts';
import type { CandleContext, MappedRows, NamedSeries } from '../mapper.ts';
import { mismatch } from '../mismatch.ts';
import { finding, type Finding } from '../reject.ts';
import { CandleRow, readCandleRows } from './rows.ts';
import {
  ADVANCED_CANDLE,
  ADVANCED_CANDLES,
  CANDLE_ROW,
  CANDLE_ROWS,
  CANDLES_EVENT,
  FRAME,
  NAMED_CANDLE,
  REFUSAL,
  type AdvancedCandle,
} from './wire.ts';

export const MARKET_TYPE = 'spot';

/** Seconds of each interval, as the venue wants them. */
export const GRANULARITIES = {
  '1m': 60,
  '5m': 300,
  '15m': 900,
  '1h': 3_600,
  '6h': 21_600,
  '1d': 86_400,
} as const satisfies Partial<Record<Interval, number>>;
export type CoinbaseInterval = keyof typeof GRANULARITIES;
/** Shortest first. */
export const COINBASE_INTERVALS = Object.keys(GRANULARITIES) as readonly CoinbaseInterval[];
/** The one width that candles are streamed in. */
export const STREAM_INTERVAL = '5m';

/** @throws SyntaxError for what is not JSON. */
export function parseAnswer(text: string): unknown {
  return readCandleRows(text) ?? parseKeepingNumbers(text);
}

/** Rows of the Exchange API, or candles of Advanced Trade; null for anything else. */
export function mapCandles(json: unknown, context: CandleContext): MappedRows | null {
  if (CANDLE_ROWS.Check(json)) return mapRows(json, context, ROW_READER);
  return ADVANCED_CANDLES.Check(json) ? mapRows(json.candles, context, ADVANCED_READER) : null;
}

// The venue documents that rows before the start may come: they are not wrong, and the raw answer has
// them. Rows behind the end are not documented, so those are rejected.
const ROW_READER: RowReader = { map: mapRow, openTimeOf, early: 'leave_out' };
const ADVANCED_READER: RowReader = { map: mapAdvanced, openTimeOf, early: 'leave_out' };

/** Whole seconds as milliseconds; null for anything else. */
function timeOf(text: unknown): EpochMs | null {
  if (typeof text !== 'string' || !/^\d{1,12}$/.test(text)) return null;
  return epochMsOrNull(Number(text) * 1000);
}

function openTimeOf(row: unknown): EpochMs | null {
  if (row instanceof CandleRow) return timeOf(row.start);
  if (Array.isArray(row)) return timeOf(row[0]);
  return typeof row === 'object' && row !== null && 'start' in row ? timeOf(row.start) : null;
}

function mapRow(row: unknown, context: CandleContext): RowResult {
  if (row instanceof CandleRow) return mapQuick(row, context);
  if (!CANDLE_ROW.Check(row)) return mismatch('a row of six numbers', CANDLE_ROW, row);
  const [start, low, high, open, close, volume] = row;
  return mapValues({ start, low, high, open, close, volume }, context);
}

/** A row whose decimals are known to be sound. */
function mapQuick(row: CandleRow, { series, venueNow, observedAt }: CandleContext): RowResult {
  const openTime = epochMsOrNull(Number(row.start) * 1000);
  const end = openTime === null ? null : endOf(series.interval, openTime);
  if (openTime === null || end === null) {
    return finding('time_out_of_range', `open time "${row.start}" is no epoch second`);
  }
  return {
    ok: true,
    candle: {
      exchange: series.exchange,
      marketType: series.marketType,
      symbol: series.symbol,
      interval: series.interval,
      openTime,
      open: row.open,
      high: row.high,
      low: row.low,
      close: row.close,
      volume: row.volume,
      quoteVolume: null,
      trades: null,
      takerBuyBase: null,
      takerBuyQuote: null,
      isClosed: end <= venueNow,
      observedAt,
      source: 'rest',
    },
  };
}

function epochMsOrNull(time: number): EpochMs | null {
  return isEpochMs(time) ? time : null;
}

function mapAdvanced(row: unknown, context: CandleContext): RowResult {
  return ADVANCED_CANDLE.Check(row)
    ? mapValues(row, context)
    : mismatch('a candle', ADVANCED_CANDLE, row);
}

function mapValues(values: AdvancedCandle, context: CandleContext): RowResult {
  const { series, venueNow, observedAt } = context;
  const seen = { isClosed: (end: EpochMs) => end <= venueNow, observedAt, source: 'rest' };
  return mapCoinbaseCandle(values, series, seen);
}

/** One candle, of an answer or of a frame. */
export function mapCoinbaseCandle(
  { start, low, high, open, close, volume }: AdvancedCandle,
  series: Series,
  seen: {
    readonly isClosed: (end: EpochMs) => boolean;
    readonly observedAt: EpochMs;
    readonly source: string;
  },
): RowResult {
  const openTime = timeOf(start);
  const end = openTime === null ? null : endOf(series.interval, openTime);
  if (openTime === null || end === null) {
    return finding('time_out_of_range', `open time "${start.slice(0, 40)}" is no epoch second`);
  }
  const problems: Finding[] = [];
  const candle: Candle = {
    exchange: series.exchange,
    marketType: series.marketType,
    symbol: series.symbol,
    interval: series.interval,
    openTime,
    open: exact(problems, 'open', open),
    high: exact(problems, 'high', high),
    low: exact(problems, 'low', low),
    close: exact(problems, 'close', close),
    volume: exactOrNull(problems, 'volume', volume),
    quoteVolume: null,
    trades: null,
    takerBuyBase: null,
    takerBuyQuote: null,
    isClosed: seen.isClosed(end),
    observedAt: seen.observedAt,
    source: seen.source,
  };
  return problems[0] ?? { ok: true, candle };
}

/** Answers name no product; frames do. */
export function namesOf(json: unknown): readonly NamedSeries[] {
  if (!FRAME.Check(json) || json.channel !== 'candles') return [];
  const names = new Set<string>();
  for (const event of json.events ?? []) {
    for (const row of CANDLES_EVENT.Check(event) ? event.candles : []) {
      if (NAMED_CANDLE.Check(row)) names.add(row.product_id);
    }
  }
  return [...names].map((venueSymbol) => ({ venueSymbol, interval: STREAM_INTERVAL }));
}

/** `NotFound` of an answer that says so. */
export function errorOf(json: unknown): string | null {
  return REFUSAL.Check(json) ? json.message : null;
}

/** An increment; null where it is absent or no number. */
export function stepOf(text: string | undefined): DecimalString | null {
  const result = text === undefined ? null : parseDecimal(text);
  return result?.ok === true ? result.value : null;
}

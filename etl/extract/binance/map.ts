/**
 * Binance's klines and filters into our words, for all its markets. In: parsed rows as the venue sent
 * them. Out: candles with exact decimals and, for each row that cannot be mapped, one reason. Pure: no
 * clock, no socket.
 */
import type { Candle } from '#core/candle.ts';
import { parseDecimal, type DecimalString } from '#core/decimal.ts';
import { isEpochMs, type EpochMs } from '#core/time.ts';
import { endOf, exact, exactOrNull, mapRows, type RowReader, type RowResult } from '../map-rows.ts';
import type { CandleContext, MappedRows, NamedSeries } from '../mapper.ts';
import { mismatch } from '../mismatch.ts';
import { finding, type Finding } from '../reject.ts';
import { KlineRow, readKlineRows } from './kline-rows.ts';
import { KLINE, KLINE_EVENT, KLINES, REFUSAL, STREAM_REFUSAL, type SymbolFilters } from './wire.ts';

/** Maps one answer of `…/klines`; null where it is no list. */
export function mapKlines(json: unknown, context: CandleContext): MappedRows | null {
  return KLINES.Check(json) ? mapRows(json, context, KLINE_READER) : null;
}

/** Reads an answer; klines as the venue writes them go the quick way. @throws SyntaxError */
export function parseAnswer(text: string): unknown {
  return readKlineRows(text) ?? (JSON.parse(text) as unknown);
}

/** The open time of a raw row, where it can be read. */
export function openTimeOf(row: unknown): EpochMs | null {
  if (row instanceof KlineRow) return isEpochMs(row.openTime) ? row.openTime : null;
  const time: unknown = Array.isArray(row) ? row[0] : undefined;
  return isEpochMs(time) ? time : null;
}

const KLINE_READER: RowReader = { map: mapKline, openTimeOf, early: 'reject' };

function mapKline(row: unknown, context: CandleContext): RowResult {
  if (row instanceof KlineRow) return mapQuick(row, context);
  if (!KLINE.Check(row)) return mismatch('a kline', KLINE, row);
  // By index: destructuring would run the iterator of each row, which costs a fifth of the whole.
  const openTime = row[0];
  const closeTime = row[6];
  const { exchange, marketType, symbol, interval } = context.series;
  const end = isEpochMs(openTime) ? endOf(interval, openTime) : null;
  if (!isEpochMs(openTime) || end === null) {
    return finding('time_out_of_range', `open time ${openTime}`);
  }
  if (closeTime !== end - 1) {
    return finding('wrong_width', `close time ${closeTime} instead of ${end - 1}`);
  }
  const problems: Finding[] = [];
  // Field by field: spreading half of them costs a tenth of the whole page.
  const candle: Candle = {
    exchange,
    marketType,
    symbol,
    interval,
    openTime,
    open: exact(problems, 'open', row[1]),
    high: exact(problems, 'high', row[2]),
    low: exact(problems, 'low', row[3]),
    close: exact(problems, 'close', row[4]),
    volume: exactOrNull(problems, 'volume', row[5]),
    quoteVolume: exactOrNull(problems, 'quote volume', row[7]),
    trades: row[8],
    takerBuyBase: exactOrNull(problems, 'taker buy volume', row[9]),
    takerBuyQuote: exactOrNull(problems, 'taker buy quote volume', row[10]),
    isClosed: end <= context.venueNow,
    observedAt: context.observedAt,
    source: 'rest',
  };
  return problems[0] ?? { ok: true, candle };
}

/** The same of a row whose decimals are known to be sound. */
function mapQuick(row: KlineRow, { series, venueNow, observedAt }: CandleContext): RowResult {
  const { openTime, closeTime } = row;
  const { exchange, marketType, symbol, interval } = series;
  const end = isEpochMs(openTime) ? endOf(interval, openTime) : null;
  if (!isEpochMs(openTime) || end === null) {
    return finding('time_out_of_range', `open time ${openTime}`);
  }
  if (closeTime !== end - 1) {
    return finding('wrong_width', `close time ${closeTime} instead of ${end - 1}`);
  }
  return {
    ok: true,
    candle: {
      exchange,
      marketType,
      symbol,
      interval,
      openTime,
      open: row.open,
      high: row.high,
      low: row.low,
      close: row.close,
      volume: row.volume,
      quoteVolume: row.quoteVolume,
      trades: row.trades,
      takerBuyBase: row.takerBuyBase,
      takerBuyQuote: row.takerBuyQuote,
      isClosed: end <= venueNow,
      observedAt,
      source: 'rest',
    },
  };
}

/** Of a frame, combined or not; klines as an answer name no series. */
export function namesOf(json: unknown): readonly NamedSeries[] {
  const data = unwrap(json);
  return KLINE_EVENT.Check(data) ? [{ venueSymbol: data.s, interval: data.k.i }] : [];
}

/** `-1121 Invalid symbol.` of an answer that says so. */
export function errorOf(json: unknown): string | null {
  const refusal = STREAM_REFUSAL.Check(json) ? json.error : json;
  return REFUSAL.Check(refusal) ? `${refusal.code} ${refusal.msg}` : null;
}

/** What a combined stream wraps as `{"stream":…,"data":…}`. */
export function unwrap(json: unknown): unknown {
  return typeof json === 'object' && json !== null && 'data' in json ? json.data : json;
}

/** A step of a symbol's filters; null where the venue does not say. */
export function stepOf(
  filters: SymbolFilters,
  filterType: 'PRICE_FILTER' | 'LOT_SIZE',
  key: 'tickSize' | 'stepSize',
): DecimalString | null {
  const text = filters.find((filter) => filter.filterType === filterType)?.[key];
  if (text === undefined) return null;
  const result = parseDecimal(text);
  return result.ok ? result.value : null;
}

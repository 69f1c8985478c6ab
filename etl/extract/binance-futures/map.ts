/**
 * Binance's words into ours. In: parsed rows as the venue sent them. Out: candles with exact decimals
 * and, for each row that cannot be mapped, one reason. Pure: no clock, no socket. It does not judge
 * prices; order, sign and grid are checked for all venues alike in `etl/transform`.
 */
import type { Candle, Series } from '#core/candle.ts';
import { parseDecimal, type DecimalString } from '#core/decimal.ts';
import { nextOpen } from '#core/interval.ts';
import { isEpochMs, type EpochMs } from '#core/time.ts';
import { finding, type Finding, type Reject } from '../reject.ts';
import type { ExtractedCandle, Instrument } from '../venue.ts';
import { BINANCE_SYMBOL, KLINE, type BinanceSymbol, type Kline } from './wire.ts';

export const EXCHANGE = 'binance-futures';
export const MARKET_TYPE = 'perp';

export interface KlineContext {
  readonly series: Series;
  /** The range asked for, `[from, to)`. */
  readonly from: EpochMs;
  readonly to: EpochMs;
  /** The venue's clock: a candle is closed when its interval is over by it. */
  readonly venueNow: EpochMs;
  /** When the answer arrived, our clock. */
  readonly observedAt: EpochMs;
}

export interface MappedRows {
  readonly candles: ExtractedCandle[];
  readonly rejects: Reject[];
}

/** Maps one answer of `/fapi/v1/klines`; candles come out oldest first, each open time once. */
export function mapKlines(rows: readonly unknown[], context: KlineContext): MappedRows {
  const candles: ExtractedCandle[] = [];
  const rejects: Reject[] = [];
  const seen = new Set<number>();
  let ascending = true;
  for (let index = 0; index < rows.length; index += 1) {
    const row = rows[index];
    const result = mapKline(row, context, seen);
    if (result.ok) {
      const last = candles.at(-1)?.candle.openTime ?? 0;
      ascending &&= last < result.candle.openTime;
      seen.add(result.candle.openTime);
      candles.push({ candle: result.candle, index, row });
    } else {
      rejects.push(toReject(result, { row, index, series: context.series }));
    }
  }
  if (!ascending) candles.sort((a, b) => a.candle.openTime - b.candle.openTime);
  return { candles, rejects };
}

/** The open time of a raw row, where it can be read. */
export function openTimeOf(row: unknown): EpochMs | null {
  const time: unknown = Array.isArray(row) ? row[0] : undefined;
  return isEpochMs(time) ? time : null;
}

/** The contract as an instrument; null for what is no perpetual, such as quarterly contracts. */
export function mapInstrument(value: unknown): Instrument | null {
  if (!BINANCE_SYMBOL.Check(value) || value.contractType !== 'PERPETUAL') return null;
  return {
    exchange: EXCHANGE,
    marketType: MARKET_TYPE,
    symbol: `${value.baseAsset}/${value.quoteAsset}`,
    base: value.baseAsset,
    quote: value.quoteAsset,
    venueSymbol: value.symbol,
    aliases: [],
    isTrading: value.status === 'TRADING',
    venueStatus: value.status,
    onboardTime: isEpochMs(value.onboardDate) ? value.onboardDate : null,
    delistTime: null,
    tickSize: stepOf(value, 'PRICE_FILTER', 'tickSize'),
    stepSize: stepOf(value, 'LOT_SIZE', 'stepSize'),
  };
}

type MapResult = { readonly ok: true; readonly candle: Candle } | Finding;

function mapKline(row: unknown, context: KlineContext, seen: ReadonlySet<number>): MapResult {
  if (!KLINE.Check(row)) return finding('malformed_row', 'not a kline of 11 or more elements');
  const [openTime, , , , , , closeTime, , trades] = row;
  if (!isEpochMs(openTime)) return finding('time_out_of_range', `open time ${openTime}`);
  const end = nextOpen(context.series.interval, openTime);
  if (closeTime !== end - 1) {
    return finding('wrong_width', `close time ${closeTime} instead of ${end - 1}`);
  }
  if (openTime < context.from || openTime >= context.to) {
    return finding(
      'not_asked_for',
      `open time ${openTime} not in [${context.from}, ${context.to})`,
    );
  }
  if (seen.has(openTime)) return finding('duplicate', `open time ${openTime} for a second time`);
  const numbers = mapNumbers(row);
  if (!numbers.ok) return numbers;
  const { exchange, marketType, symbol, interval } = context.series;
  return {
    ok: true,
    candle: {
      exchange,
      marketType,
      symbol,
      interval,
      openTime,
      ...numbers.values,
      trades,
      isClosed: end <= context.venueNow,
      observedAt: context.observedAt,
      source: 'rest',
    },
  };
}

type Numbers = Pick<
  Candle,
  'open' | 'high' | 'low' | 'close' | 'volume' | 'quoteVolume' | 'takerBuyBase' | 'takerBuyQuote'
>;

function mapNumbers(row: Kline): { readonly ok: true; readonly values: Numbers } | Finding {
  let problem: Finding | null = null;
  const exact = (name: string, text: string): DecimalString => {
    const result = parseDecimal(text);
    if (result.ok) return result.value;
    problem ??= finding(result.reason, `${name} "${shorten(text)}"`);
    return ZERO;
  };
  const optional = (name: string, text: string | null): DecimalString | null =>
    text === null ? null : exact(name, text);
  const values: Numbers = {
    open: exact('open', row[1]),
    high: exact('high', row[2]),
    low: exact('low', row[3]),
    close: exact('close', row[4]),
    volume: optional('volume', row[5]),
    quoteVolume: optional('quote volume', row[7]),
    takerBuyBase: optional('taker buy volume', row[9]),
    takerBuyQuote: optional('taker buy quote volume', row[10]),
  };
  return problem ?? { ok: true, values };
}

/** Stands in a row that is refused anyway. */
const ZERO = '0' as DecimalString;

function stepOf(
  symbol: BinanceSymbol,
  filterType: string,
  key: 'tickSize' | 'stepSize',
): DecimalString | null {
  const text = symbol.filters.find((filter) => filter.filterType === filterType)?.[key];
  if (text === undefined) return null;
  const result = parseDecimal(text);
  return result.ok ? result.value : null;
}

function toReject(
  { reason, detail }: Finding,
  place: { readonly row: unknown; readonly index: number; readonly series: Series },
): Reject {
  const { row, index, series } = place;
  return { series, openTime: openTimeOf(row), reason, detail, index, rawRow: JSON.stringify(row) };
}

function shorten(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

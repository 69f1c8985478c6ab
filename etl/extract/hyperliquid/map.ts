/**
 * Hyperliquid's words into ours. In: parsed rows as the venue sent them. Out: candles, funding payments
 * and instruments with exact decimals and, for each row that cannot be mapped, one reason. Pure: no
 * clock, no socket. A candle counts as closed when its interval is over by the venue's clock: nothing in
 * it says so, and a later one may be absent.
 */
import type { Candle, Series } from '#core/candle.ts';
import { decimal, type DecimalString } from '#core/decimal.ts';
import type { FundingRate } from '#core/funding.ts';
import { INTERVALS } from '#core/interval.ts';
import { isEpochMs, type EpochMs } from '#core/time.ts';
import { mapFundingRows, type FundingResult } from '../map-funding.ts';
import { endOf, exact, exactOrNull, mapRows, type RowReader, type RowResult } from '../map-rows.ts';
import type {
  CandleContext,
  FundingContext,
  LeftOutInstrument,
  MappedFunding,
  MappedInstruments,
  MappedRows,
  NamedSeries,
} from '../mapper.ts';
import { mismatch } from '../mismatch.ts';
import { finding, type Finding } from '../reject.ts';
import type { Instrument } from '../venue.ts';
import { CandleRow, readCandleRows } from './candle-rows.ts';
import { EXCHANGE, QUOTE } from './symbol.ts';
import { ASSET, CANDLE, FAILURE, FRAME, FUNDING, META, ROWS, type Asset } from './wire.ts';

export const MARKET_TYPE = 'perp';
/** All of ours but 6h, which the venue refuses. */
export const HYPERLIQUID_INTERVALS = INTERVALS.filter((interval) => interval !== '6h');
const USDC_TOKEN = 0;
const FUNDING_INTERVAL = '1h';

/** Reads an answer; candles as the venue writes them go the quick way. @throws SyntaxError */
export function parseAnswer(text: string): unknown {
  return readCandleRows(text) ?? (JSON.parse(text) as unknown);
}

/** Null where the answer is no list. */
export function mapCandles(json: unknown, context: CandleContext): MappedRows | null {
  return ROWS.Check(json) ? mapRows(json, context, CANDLE_READER) : null;
}

const CANDLE_READER: RowReader = {
  map: mapCandle,
  openTimeOf,
  // The candle that covers the start of the range comes with it.
  early: 'leave_out',
};

function openTimeOf(row: unknown): EpochMs | null {
  const time: unknown = typeof row === 'object' && row !== null && 't' in row ? row.t : undefined;
  return isEpochMs(time) ? time : null;
}

function mapCandle(row: unknown, { series, venueNow, observedAt }: CandleContext): RowResult {
  return mapHyperliquidCandle(row, series, {
    isClosed: (end) => end <= venueNow,
    observedAt,
    source: 'rest',
  });
}

/** One candle, of an answer or of a frame. */
export function mapHyperliquidCandle(
  row: unknown,
  series: Series,
  seen: {
    readonly isClosed: (end: EpochMs) => boolean;
    readonly observedAt: EpochMs;
    readonly source: string;
  },
): RowResult {
  const isQuick = row instanceof CandleRow;
  if (!isQuick && !CANDLE.Check(row)) return mismatch('a candle', CANDLE, row);
  if (!isSymbolOf(series.symbol, row.s) || row.i !== series.interval) {
    return finding('not_asked_for', `a candle of "${row.s}" ${row.i}`);
  }
  if (!isEpochMs(row.t)) return finding('time_out_of_range', `open time ${row.t}`);
  const end = endOf(series.interval, row.t);
  if (end === null) return finding('time_out_of_range', `open time ${row.t}`);
  if (row.T !== end - 1) return finding('wrong_width', `close time ${row.T} instead of ${end - 1}`);
  const problems: Finding[] = [];
  const candle: Candle = {
    exchange: series.exchange,
    marketType: series.marketType,
    symbol: series.symbol,
    interval: series.interval,
    openTime: row.t,
    open: isQuick ? row.o : exact(problems, 'open', row.o),
    high: isQuick ? row.h : exact(problems, 'high', row.h),
    low: isQuick ? row.l : exact(problems, 'low', row.l),
    close: isQuick ? row.c : exact(problems, 'close', row.c),
    volume: isQuick ? row.v : exactOrNull(problems, 'volume', row.v),
    quoteVolume: null,
    trades: row.n,
    takerBuyBase: null,
    takerBuyQuote: null,
    isClosed: seen.isClosed(end),
    observedAt: seen.observedAt,
    source: seen.source,
  };
  return problems[0] ?? { ok: true, candle };
}

/** Without putting the symbol together for each row of a page. */
function isSymbolOf(symbol: string, coin: string): boolean {
  return symbol.length === coin.length + 1 + QUOTE.length && symbol === `${coin}/${QUOTE}`;
}

/** Null where the answer is no universe. */
export function mapInstruments(json: unknown): MappedInstruments | null {
  // `metaAndAssetCtxs` is the same list with prices behind it.
  const meta: unknown = Array.isArray(json) ? json[0] : json;
  if (!META.Check(meta)) return null;
  const instruments: Instrument[] = [];
  const leftOut: LeftOutInstrument[] = [];
  const token = meta.collateralToken ?? USDC_TOKEN;
  for (const [index, row] of meta.universe.entries()) {
    if (!ASSET.Check(row)) {
      const { detail } = mismatch('an asset', ASSET, row);
      leftOut.push({ reason: 'malformed_row', detail, index, row });
    } else if (token !== USDC_TOKEN) {
      const detail = `"${row.name}" is settled in token ${token}; only ${QUOTE} is kept`;
      leftOut.push({ reason: 'unsupported', detail, index, row });
    } else {
      instruments.push(mapInstrument(row));
    }
  }
  return { instruments, leftOut };
}

function mapInstrument({ name, szDecimals, isDelisted }: Asset): Instrument {
  return {
    exchange: EXCHANGE,
    marketType: MARKET_TYPE,
    symbol: `${name}/${QUOTE}`,
    base: name,
    quote: QUOTE,
    venueSymbol: name,
    aliases: [],
    isTrading: isDelisted !== true,
    venueStatus: isDelisted === true ? 'delisted' : 'listed',
    onboardTime: null,
    delistTime: null,
    // Prices have at most five significant digits: no fixed step.
    tickSize: null,
    stepSize: szDecimals === undefined ? null : stepOf(szDecimals),
  };
}

function stepOf(decimals: number): DecimalString {
  return decimal(`1e-${decimals}`);
}

/** Null where the answer is no list. */
export function mapFunding(json: unknown, context: FundingContext): MappedFunding | null {
  if (!ROWS.Check(json)) return null;
  const { symbol } = context;
  const series: Series = {
    exchange: EXCHANGE,
    marketType: MARKET_TYPE,
    symbol,
    interval: FUNDING_INTERVAL,
  };
  return mapFundingRows(json, series, context, mapPayment);
}

function mapPayment(row: unknown, { symbol, observedAt }: FundingContext): FundingResult {
  if (!FUNDING.Check(row)) return mismatch('a funding payment', FUNDING, row);
  if (`${row.coin}/${QUOTE}` !== symbol) {
    return finding('not_asked_for', `a payment of "${row.coin}"`);
  }
  if (!isEpochMs(row.time)) return finding('time_out_of_range', `funding time ${row.time}`);
  const problems: Finding[] = [];
  const rate: FundingRate = {
    exchange: EXCHANGE,
    symbol,
    fundingTime: row.time,
    rate: exact(problems, 'funding rate', row.fundingRate),
    markPrice: null,
    premium: exactOrNull(problems, 'premium', row.premium ?? null),
    observedAt,
    source: 'rest',
  };
  return problems[0] ?? { ok: true, rate };
}

/** The venue puts an error into bare text, into `null`, or into an object that says `err`. */
export function errorOf(json: unknown): string | null {
  if (json === null) return '"null", which it gives for a coin that it does not have';
  if (typeof json === 'string' && json !== '') return json;
  return FAILURE.Check(json) ? json.response : null;
}

/** A candle names its series, in an answer as in a frame. */
export function namesOf(json: unknown): readonly NamedSeries[] {
  const data = FRAME.Check(json) ? json.data : json;
  const names = new Map<string, NamedSeries>();
  for (const row of Array.isArray(data) ? (data as readonly unknown[]) : [data]) {
    if (CANDLE.Check(row)) {
      names.set(`${row.s} ${row.i}`, { venueSymbol: row.s, interval: row.i });
    }
  }
  return [...names.values()];
}

/**
 * Binance USD-M futures into our words: contracts and funding; klines and frames are `../binance`'s. In:
 * parsed rows as the venue sent them. Out: instruments and funding payments, and for each row that
 * cannot be mapped one reason. Pure: no clock, no socket.
 */
import type { Series } from '#core/candle.ts';
import type { FundingRate } from '#core/funding.ts';
import { isEpochMs } from '#core/time.ts';
import { stepOf } from '../binance/map.ts';
import { whyNot } from '../binance/symbol.ts';
import { EXCHANGE_INFO } from '../binance/wire.ts';
import { mapFundingRows, type FundingResult } from '../map-funding.ts';
import { exact } from '../map-rows.ts';
import type {
  FundingContext,
  LeftOutInstrument,
  MappedFunding,
  MappedInstruments,
} from '../mapper.ts';
import { mismatch } from '../mismatch.ts';
import { finding, type Finding } from '../reject.ts';
import type { Instrument } from '../venue.ts';
import { FUNDING, FUNDINGS, FUTURES_SYMBOL } from './wire.ts';

export const EXCHANGE = 'binance-futures';
export const MARKET_TYPE = 'perp';
/** Contracts without an end; the second is about to be taken off, the third is on a share or metal. */
const PERPETUALS = ['PERPETUAL', 'PERPETUAL DELIVERING', 'TRADIFI_PERPETUAL'];
/** The usual period; some contracts pay every 4 hours or every hour. */
const FUNDING_INTERVAL = '8h';

/** Null where the answer is no exchangeInfo. */
export function mapInstruments(json: unknown): MappedInstruments | null {
  if (!EXCHANGE_INFO.Check(json)) return null;
  const instruments: Instrument[] = [];
  const leftOut: LeftOutInstrument[] = [];
  for (const [index, row] of json.symbols.entries()) {
    const mapped = mapInstrument(row);
    if (mapped.ok) instruments.push(mapped.instrument);
    else leftOut.push({ reason: mapped.reason, detail: mapped.detail, index, row });
  }
  return { instruments, leftOut };
}

type InstrumentResult =
  | { readonly ok: true; readonly instrument: Instrument }
  | { readonly ok: false; readonly reason: LeftOutInstrument['reason']; readonly detail: string };

function mapInstrument(value: unknown): InstrumentResult {
  if (!FUTURES_SYMBOL.Check(value)) {
    return {
      ok: false,
      reason: 'malformed_row',
      detail: mismatch('a symbol', FUTURES_SYMBOL, value).detail,
    };
  }
  if (!PERPETUALS.includes(value.contractType)) {
    const why = whyNot(value.symbol) ?? 'it is no perpetual';
    const detail = `"${value.symbol}" has contract type "${value.contractType}": ${why}`;
    return { ok: false, reason: 'unsupported', detail };
  }
  const instrument: Instrument = {
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
    // The venue's "never" lies beyond the times we know.
    delistTime: isEpochMs(value.deliveryDate) ? value.deliveryDate : null,
    tickSize: stepOf(value.filters, 'PRICE_FILTER', 'tickSize'),
    stepSize: stepOf(value.filters, 'LOT_SIZE', 'stepSize'),
  };
  return { ok: true, instrument };
}

/** Null where the answer is no list. */
export function mapFunding(json: unknown, context: FundingContext): MappedFunding | null {
  if (!FUNDINGS.Check(json)) return null;
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
  if (!isEpochMs(row.fundingTime)) {
    return finding('time_out_of_range', `funding time ${row.fundingTime}`);
  }
  const problems: Finding[] = [];
  const { markPrice } = row;
  const rate: FundingRate = {
    exchange: EXCHANGE,
    symbol,
    fundingTime: row.fundingTime,
    rate: exact(problems, 'funding rate', row.fundingRate),
    markPrice:
      markPrice === undefined || markPrice === null || markPrice === ''
        ? null
        : exact(problems, 'mark price', markPrice),
    premium: null,
    observedAt,
    source: 'rest',
  };
  return problems[0] ?? { ok: true, rate };
}

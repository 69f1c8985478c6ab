/**
 * Binance spot into our words: its pairs; klines and frames are `../binance`'s. In: parsed entries as the
 * venue sent them. Out: instruments, and why an entry is none. Pure: no clock, no socket.
 */
import { stepOf } from '../binance/map.ts';
import { EXCHANGE_INFO } from '../binance/wire.ts';
import type { LeftOutInstrument, MappedInstruments } from '../mapper.ts';
import { mismatch } from '../mismatch.ts';
import type { Instrument } from '../venue.ts';
import { SPOT_SYMBOL, type SpotSymbol } from './wire.ts';

export const EXCHANGE = 'binance-spot';
export const MARKET_TYPE = 'spot';

/** Null where the answer is no exchangeInfo. */
export function mapInstruments(json: unknown): MappedInstruments | null {
  if (!EXCHANGE_INFO.Check(json)) return null;
  const instruments: Instrument[] = [];
  const leftOut: LeftOutInstrument[] = [];
  for (const [index, row] of json.symbols.entries()) {
    if (SPOT_SYMBOL.Check(row)) {
      instruments.push(mapInstrument(row));
    } else {
      const { detail } = mismatch('a symbol', SPOT_SYMBOL, row);
      leftOut.push({ reason: 'malformed_row', detail, index, row });
    }
  }
  return { instruments, leftOut };
}

function mapInstrument(symbol: SpotSymbol): Instrument {
  return {
    exchange: EXCHANGE,
    marketType: MARKET_TYPE,
    symbol: `${symbol.baseAsset}/${symbol.quoteAsset}`,
    base: symbol.baseAsset,
    quote: symbol.quoteAsset,
    venueSymbol: symbol.symbol,
    aliases: [],
    isTrading: symbol.status === 'TRADING' && symbol.isSpotTradingAllowed !== false,
    venueStatus: symbol.status,
    onboardTime: null,
    delistTime: null,
    tickSize: stepOf(symbol.filters, 'PRICE_FILTER', 'tickSize'),
    stepSize: stepOf(symbol.filters, 'LOT_SIZE', 'stepSize'),
  };
}

/** The mapper of Binance USD-M futures: the pure half of the venue in one place. */
import { INTERVALS } from '#core/interval.ts';
import { errorOf, mapKlines, namesOf, parseAnswer } from '../binance/map.ts';
import { KLINE_CHANNELS, readKlineFrame } from '../binance/stream.ts';
import { parseBinanceSymbol } from '../binance/symbol.ts';
import type { VenueMapper } from '../mapper.ts';
import { EXCHANGE, mapFunding, mapInstruments, MARKET_TYPE } from './map.ts';

/** What contracts are or were quoted in; none is the end of another, so a word is cut in one way only. */
const QUOTES = ['USDT', 'USDC', 'BUSD', 'FDUSD', 'BTC', 'ETH', 'USD1', 'BFUSD'];

export const BINANCE_FUTURES_MAPPER: VenueMapper = {
  id: EXCHANGE,
  marketType: MARKET_TYPE,
  intervals: INTERVALS,
  parse: parseAnswer,
  mapCandles: mapKlines,
  mapInstruments,
  mapFunding,
  channels: KLINE_CHANNELS,
  errorOf,
  readStream: readKlineFrame,
  parseSymbol: (text) => parseBinanceSymbol(EXCHANGE, text, QUOTES),
  namesOf,
};

/** The mapper of Binance spot: the pure half of the venue in one place. */
import { INTERVALS } from '#core/interval.ts';
import { errorOf, mapKlines, namesOf, parseAnswer } from '../binance/map.ts';
import { KLINE_CHANNELS, readKlineFrame } from '../binance/stream.ts';
import { parseBinanceSymbol } from '../binance/symbol.ts';
import type { VenueMapper } from '../mapper.ts';
import { EXCHANGE, mapInstruments, MARKET_TYPE } from './map.ts';

/** What pairs are or were quoted in; none is the end of another, so a word is cut in one way only. */
const QUOTES = (
  'USDT USDC FDUSD TUSD BUSD USDP USD1 XUSD BFUSD USDS PAX DAI VAI BTC ETH BNB XRP TRX DOGE DOT SOL ' +
  'EUR EURI GBP AUD JPY TRY BRL ARS COP MXN PLN RON CZK UAH RUB ZAR NGN IDRT BIDR BKRW BVND'
).split(' ');

export const BINANCE_SPOT_MAPPER: VenueMapper = {
  id: EXCHANGE,
  marketType: MARKET_TYPE,
  intervals: INTERVALS,
  parse: parseAnswer,
  mapCandles: mapKlines,
  mapInstruments,
  mapFunding: null,
  channels: KLINE_CHANNELS,
  errorOf,
  readStream: readKlineFrame,
  parseSymbol: (text) => parseBinanceSymbol(EXCHANGE, text, QUOTES),
  namesOf,
};

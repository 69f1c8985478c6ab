/** Coinbase's mapper: the pure half of the venue in one place. It holds no code of its own. */
import type { VenueMapper } from '../mapper.ts';
import {
  COINBASE_INTERVALS,
  errorOf,
  mapCandles,
  MARKET_TYPE,
  namesOf,
  parseAnswer,
} from './map.ts';
import { mapInstruments } from './products.ts';
import { CHANNELS, readFrame } from './stream.ts';
import { EXCHANGE, parseCoinbaseSymbol } from './symbol.ts';

export const COINBASE_MAPPER: VenueMapper = {
  id: EXCHANGE,
  marketType: MARKET_TYPE,
  intervals: COINBASE_INTERVALS,
  parse: parseAnswer,
  mapCandles,
  mapInstruments,
  mapFunding: null,
  channels: CHANNELS,
  errorOf,
  readStream: readFrame,
  parseSymbol: parseCoinbaseSymbol,
  namesOf,
};

/** Hyperliquid's mapper: the pure half of the venue in one place. It holds no code of its own. */
import type { VenueMapper } from '../mapper.ts';
import {
  errorOf,
  HYPERLIQUID_INTERVALS,
  mapCandles,
  mapFunding,
  mapInstruments,
  MARKET_TYPE,
  namesOf,
  parseAnswer,
} from './map.ts';
import { CHANNELS, readFrame } from './stream.ts';
import { EXCHANGE, parseHyperliquidSymbol } from './symbol.ts';

export const HYPERLIQUID_MAPPER: VenueMapper = {
  id: EXCHANGE,
  marketType: MARKET_TYPE,
  intervals: HYPERLIQUID_INTERVALS,
  parse: parseAnswer,
  mapCandles,
  mapInstruments,
  mapFunding,
  channels: CHANNELS,
  errorOf,
  readStream: readFrame,
  parseSymbol: parseHyperliquidSymbol,
  namesOf,
};

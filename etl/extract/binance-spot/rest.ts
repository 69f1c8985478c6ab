/**
 * Binance spot over REST: its paths and what they weigh. In: root URLs. Out: the adapter, which is
 * `../binance`'s. It holds nothing of its own.
 */
import { createBinanceVenue } from '../binance/rest.ts';
import type { VenueOptions } from '../venue-options.ts';
import type { VenueAdapter } from '../venue.ts';
import { BINANCE_SPOT_MAPPER } from './mapper.ts';
import { createBinanceSpotStream } from './stream.ts';

/** As much as the venue gives; every limit weighs the same. */
const PAGE_SIZE = 1_000;
const KLINES_WEIGHT = 2;
const EXCHANGE_INFO_WEIGHT = 20;
/** Binance's limit per address until exchangeInfo says otherwise. */
const WEIGHT_LIMIT = 6_000;

export function createBinanceSpot(options: VenueOptions): VenueAdapter {
  const profile = {
    mapper: BINANCE_SPOT_MAPPER,
    paths: {
      time: '/api/v3/time',
      exchangeInfo: '/api/v3/exchangeInfo',
      klines: '/api/v3/klines',
      funding: null,
    },
    exchangeInfoWeight: EXCHANGE_INFO_WEIGHT,
    klinesWeight: () => KLINES_WEIGHT,
    weightLimit: WEIGHT_LIMIT,
    pageSize: PAGE_SIZE,
    stream: createBinanceSpotStream(options.streamUrl),
  };
  return createBinanceVenue(profile, options);
}

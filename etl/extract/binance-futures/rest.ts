/**
 * Binance USD-M futures over REST: its paths and what they weigh. In: root URLs. Out: the adapter, which
 * is `../binance`'s. It holds nothing of its own.
 */
import { createBinanceVenue } from '../binance/rest.ts';
import type { VenueOptions } from '../venue-options.ts';
import type { VenueAdapter } from '../venue.ts';
import { BINANCE_FUTURES_MAPPER } from './mapper.ts';
import { createBinanceFuturesStream } from './stream.ts';

/** The most candles for the weight: 249.5 each, where 1000 gives 200 and 1500 gives 150. */
const PAGE_SIZE = 499;
/** Binance's limit per address until exchangeInfo says otherwise. */
const WEIGHT_LIMIT = 2_400;

export function createBinanceFutures(options: VenueOptions): VenueAdapter {
  const profile = {
    mapper: BINANCE_FUTURES_MAPPER,
    paths: {
      time: '/fapi/v1/time',
      exchangeInfo: '/fapi/v1/exchangeInfo',
      klines: '/fapi/v1/klines',
      funding: '/fapi/v1/fundingRate',
    },
    exchangeInfoWeight: 1,
    klinesWeight,
    weightLimit: WEIGHT_LIMIT,
    pageSize: PAGE_SIZE,
    stream: createBinanceFuturesStream(options.streamUrl),
  };
  return createBinanceVenue(profile, options);
}

function klinesWeight(limit: number): number {
  if (limit < 100) return 1;
  if (limit < 500) return 2;
  return limit <= 1000 ? 5 : 10;
}

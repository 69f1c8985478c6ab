/**
 * Binance spot candles over WebSocket. In: the root of the streams. Out: the venue's half of a stream;
 * frames are those of `../binance`.
 */
import { INTERVALS } from '#core/interval.ts';
import { createBinanceStream } from '../binance/stream.ts';
import type { VenueStream } from '../venue.ts';

/** @param root for example `wss://stream.binance.com:9443`. */
export function createBinanceSpotStream(root: string): VenueStream {
  return createBinanceStream({ root, intervals: INTERVALS });
}

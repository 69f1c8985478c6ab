/**
 * Binance USD-M candles over WebSocket. In: the root of the streams. Out: the venue's half of a stream;
 * frames are those of `../binance`.
 *
 * Klines come from the `/market` root only. The roots without it still connect and subscribe, and
 * have told no kline since 2026-04-23.
 */
import { INTERVALS } from '#core/interval.ts';
import { createBinanceStream } from '../binance/stream.ts';
import type { VenueStream } from '../venue.ts';

/** @param root for example `wss://fstream.binance.com/market`. */
export function createBinanceFuturesStream(root: string): VenueStream {
  return createBinanceStream({ root, intervals: INTERVALS });
}

/**
 * What tells Binance's two markets apart on the wire: paths, limits, weights and a few words. Both
 * speak the same formats otherwise.
 *
 * @see https://developers.binance.com/docs/derivatives/usds-margined-futures/market-data
 * @see https://developers.binance.com/docs/binance-spot-api-docs/rest-api
 */

export interface BinanceProduct {
  readonly venue: 'binance-futures' | 'binance-spot';
  /** Path of the REST API within the venue. */
  readonly root: string;
  /** Request weight per minute and address. */
  readonly weightLimit: number;
  readonly limitMax: number;
  /** A larger limit is refused, or served as the largest. */
  readonly refusesLargeLimit: boolean;
  readonly weighKlines: (limit: number) => number;
  readonly exchangeInfoWeight: number;
  /** Intervals of the venue that we do not have. */
  readonly otherIntervals: readonly string[];
  /** Status of an instrument that was taken off. */
  readonly delistedStatus: string;
  /** How often a stream is pinged, and how long one may leave pings without an answer, ms. */
  readonly pingMs: number;
  readonly pongMsMax: number;
}

export const FUTURES: BinanceProduct = {
  venue: 'binance-futures',
  root: '/fapi/v1',
  weightLimit: 2_400,
  limitMax: 1500,
  refusesLargeLimit: true,
  weighKlines: (limit) => {
    if (limit < 100) return 1;
    if (limit < 500) return 2;
    return limit <= 1000 ? 5 : 10;
  },
  exchangeInfoWeight: 1,
  otherIntervals: [],
  delistedStatus: 'CLOSE',
  pingMs: 3 * 60_000,
  pongMsMax: 10 * 60_000,
};

export const SPOT: BinanceProduct = {
  venue: 'binance-spot',
  root: '/api/v3',
  weightLimit: 6_000,
  limitMax: 1000,
  refusesLargeLimit: false,
  weighKlines: () => 2,
  exchangeInfoWeight: 20,
  otherIntervals: ['1s'],
  delistedStatus: 'BREAK',
  pingMs: 20_000,
  pongMsMax: 60_000,
};

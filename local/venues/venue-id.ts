/**
 * The venues that can be recorded: their names, what they trade, how they spell an instrument, and
 * where each is mounted on the one server. Plain facts; nothing is opened here.
 */
import type { Interval } from '#core/interval.ts';

/** As everywhere in the project: `binance-futures`, … */
export const VENUE_IDS = ['binance-futures', 'binance-spot', 'coinbase', 'hyperliquid'] as const;
export type VenueId = (typeof VENUE_IDS)[number];

export interface VenueUrls {
  /** Root of the REST API, to which an adapter appends the venue's own paths. */
  readonly baseUrl: string;
  /** Root of the streams, `ws://…`. */
  readonly streamUrl: string;
}

const MARKET_TYPES: Readonly<Record<VenueId, 'perp' | 'spot'>> = {
  'binance-futures': 'perp',
  'binance-spot': 'spot',
  coinbase: 'spot',
  hyperliquid: 'perp',
};

/** Intervals of ours that a venue does not have. */
const MISSING_INTERVALS: Readonly<Record<VenueId, readonly Interval[]>> = {
  'binance-futures': [],
  'binance-spot': [],
  coinbase: ['3m', '30m', '2h', '4h', '8h', '12h', '3d', '1w', '1M'],
  hyperliquid: ['6h'],
};

/** What follows the venue's mount in its stream address. */
const STREAM_PATHS: Readonly<Record<VenueId, string>> = {
  'binance-futures': '/market',
  'binance-spot': '',
  coinbase: '/stream',
  hyperliquid: '/ws',
};

export function isVenueId(text: string): text is VenueId {
  return VENUE_IDS.some((id) => id === text);
}

export function marketTypeOf(venue: VenueId): 'perp' | 'spot' {
  return MARKET_TYPES[venue];
}

export function hasInterval(venue: VenueId, interval: Interval): boolean {
  return !MISSING_INTERVALS[venue].includes(interval);
}

/** The venue's own spelling of a pair. */
export function venueSymbolOf(venue: VenueId, base: string, quote: string): string {
  if (venue === 'hyperliquid') return base;
  return venue === 'coinbase' ? `${base}-${quote}` : base + quote;
}

/** Addresses of all venues on the server at `host:port`. */
export function venueUrls(hostAndPort: string): Readonly<Record<VenueId, VenueUrls>> {
  const of = (venue: VenueId): VenueUrls => ({
    baseUrl: `http://${hostAndPort}/${venue}`,
    streamUrl: `ws://${hostAndPort}/${venue}${STREAM_PATHS[venue]}`,
  });
  return {
    'binance-futures': of('binance-futures'),
    'binance-spot': of('binance-spot'),
    coinbase: of('coinbase'),
    hyperliquid: of('hyperliquid'),
  };
}

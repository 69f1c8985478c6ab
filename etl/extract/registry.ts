/**
 * The venues by name: the one place that knows them all. In: an id, addresses, what they share. Out:
 * an adapter. A new venue is a folder beside this file and a line in it.
 */
import { AppError } from '#core/errors.ts';
import type { Config } from '#platform/config.ts';
import { BINANCE_FUTURES_MAPPER } from './binance-futures/mapper.ts';
import { createBinanceFutures } from './binance-futures/rest.ts';
import { BINANCE_SPOT_MAPPER } from './binance-spot/mapper.ts';
import { createBinanceSpot } from './binance-spot/rest.ts';
import { COINBASE_MAPPER } from './coinbase/mapper.ts';
import { createCoinbase } from './coinbase/rest.ts';
import { HYPERLIQUID_MAPPER } from './hyperliquid/mapper.ts';
import { createHyperliquid } from './hyperliquid/rest.ts';
import type { VenueMapper } from './mapper.ts';
import type { VenueOptions } from './venue-options.ts';
import type { VenueAdapter } from './venue.ts';

export type VenueSettings = Pick<VenueOptions, 'clock' | 'shared' | 'logger'>;

interface VenueEntry {
  readonly mapper: VenueMapper;
  /** Where its REST and its streams are. */
  readonly urls: (config: Config) => Pick<VenueOptions, 'baseUrl' | 'streamUrl'>;
  readonly create: (options: VenueOptions) => VenueAdapter;
}

const VENUES = {
  'binance-futures': {
    mapper: BINANCE_FUTURES_MAPPER,
    urls: (config) => ({
      baseUrl: config.BINANCE_FUTURES_URL,
      streamUrl: config.BINANCE_FUTURES_STREAM_URL,
    }),
    create: createBinanceFutures,
  },
  'binance-spot': {
    mapper: BINANCE_SPOT_MAPPER,
    urls: (config) => ({
      baseUrl: config.BINANCE_SPOT_URL,
      streamUrl: config.BINANCE_SPOT_STREAM_URL,
    }),
    create: createBinanceSpot,
  },
  coinbase: {
    mapper: COINBASE_MAPPER,
    urls: (config) => ({ baseUrl: config.COINBASE_URL, streamUrl: config.COINBASE_STREAM_URL }),
    create: createCoinbase,
  },
  hyperliquid: {
    mapper: HYPERLIQUID_MAPPER,
    urls: (config) => ({
      baseUrl: config.HYPERLIQUID_URL,
      streamUrl: config.HYPERLIQUID_STREAM_URL,
    }),
    create: createHyperliquid,
  },
} as const satisfies Readonly<Record<string, VenueEntry>>;

export type VenueId = keyof typeof VENUES;
export const VENUE_IDS = Object.keys(VENUES) as readonly VenueId[];

/** @throws AppError WICK_ETL_UNSUPPORTED that lists the venues there are. */
export function parseVenueId(text: string): VenueId {
  const id = VENUE_IDS.find((known) => known === text);
  if (id !== undefined) return id;
  throw new AppError(
    'WICK_ETL_UNSUPPORTED',
    `there is no exchange "${text}"; there are ${VENUE_IDS.join(', ')}`,
    { details: { exchange: text } },
  );
}

/** The pure half of a venue: what its words mean, without asking it anything. */
export function mapperOf(id: VenueId): VenueMapper {
  return VENUES[id].mapper;
}

/** Opens a venue at its configured addresses; the caller closes it. */
export function openVenue(id: VenueId, config: Config, settings: VenueSettings): VenueAdapter {
  const entry: VenueEntry = VENUES[id];
  return entry.create({ ...settings, ...entry.urls(config) });
}

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
import { openWebSource, webSourceIds, type WebSourceId } from './web/registry.ts';

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

/** Exchanges; web sources are venues too, and listed by `listVenueIds`. */
export const VENUE_IDS = Object.keys(VENUES) as readonly ExchangeId[];
type ExchangeId = keyof typeof VENUES;
export type VenueId = ExchangeId | WebSourceId;

/**
 * Every venue there is: exchanges, built-in web sources, and with a configuration declared ones.
 * @throws AppError WICK_ETL_SOURCE_INVALID for a declared web source that is broken.
 */
export function listVenueIds(config?: Pick<Config, 'WEB_SOURCES_DIR'>): readonly VenueId[] {
  return [...VENUE_IDS, ...webSourceIds(VENUE_IDS, config)];
}

/**
 * @param config without it declared web sources are not known.
 * @throws AppError WICK_ETL_UNSUPPORTED that lists the venues there are.
 */
export function parseVenueId(text: string, config?: Pick<Config, 'WEB_SOURCES_DIR'>): VenueId {
  // Declared sources are read only where none of the others is meant: a broken one stops no venue.
  const builtIn = listVenueIds().find((known) => known === text);
  if (builtIn !== undefined) return builtIn;
  const ids = listVenueIds(config);
  const id = ids.find((known) => known === text);
  if (id !== undefined) return id;
  throw new AppError(
    'WICK_ETL_UNSUPPORTED',
    `there is no exchange "${text}"; there are ${ids.join(', ')}`,
    { details: { exchange: text } },
  );
}

/**
 * The pure half of an exchange: what its words mean, without asking it anything.
 * @throws AppError WICK_ETL_UNSUPPORTED for a web source, whose pages have no such words.
 */
export function mapperOf(id: VenueId): VenueMapper {
  if (isExchangeId(id)) return VENUES[id].mapper;
  throw new AppError(
    'WICK_ETL_UNSUPPORTED',
    `"${id}" is a web source, which has neither raw answers nor streams; exchanges are ${VENUE_IDS.join(', ')}`,
    { details: { exchange: id } },
  );
}

/** Opens a venue at its configured addresses; the caller closes it. */
export function openVenue(id: VenueId, config: Config, settings: VenueSettings): VenueAdapter {
  if (!isExchangeId(id)) return openWebSource(id, VENUE_IDS, config, settings);
  const entry: VenueEntry = VENUES[id];
  return entry.create({ ...settings, ...entry.urls(config) });
}

function isExchangeId(id: VenueId): id is ExchangeId {
  return Object.hasOwn(VENUES, id);
}

/**
 * The venues by name: the one place that knows them all. In: an id, addresses, what they share. Out:
 * an adapter. A new venue is a folder beside this file and a line in it.
 */
import { AppError } from '#core/errors.ts';
import type { Clock } from '#core/time.ts';
import type { Config } from '#platform/config.ts';
import type { Logger } from '#platform/logger.ts';
import { createBinanceFutures } from './binance-futures/rest.ts';
import type { SharedLimits } from './limits-shared.ts';
import type { VenueAdapter } from './venue.ts';
import { openWebSource, webSourceIds, type WebSourceId } from './web/registry.ts';

export interface VenueSettings {
  readonly clock: Clock;
  /** What other processes use of the venues' allowances; absent where this one is alone. */
  readonly shared?: SharedLimits | undefined;
  readonly logger?: Logger | undefined;
}

interface VenueEntry {
  /** Where its REST and its streams are. */
  readonly urls: (config: Config) => { readonly baseUrl: string; readonly streamUrl: string };
  readonly create: (
    options: VenueSettings & { readonly baseUrl: string; readonly streamUrl: string },
  ) => VenueAdapter;
}

const VENUES = {
  'binance-futures': {
    urls: (config) => ({
      baseUrl: config.BINANCE_FUTURES_URL,
      streamUrl: config.BINANCE_FUTURES_STREAM_URL,
    }),
    create: createBinanceFutures,
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
  const ids = listVenueIds(config);
  const id = ids.find((known) => known === text);
  if (id !== undefined) return id;
  throw new AppError(
    'WICK_ETL_UNSUPPORTED',
    `there is no exchange "${text}"; there are ${ids.join(', ')}`,
    { details: { exchange: text } },
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

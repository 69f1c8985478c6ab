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

/** Opens a venue at its configured addresses; the caller closes it. */
export function openVenue(id: VenueId, config: Config, settings: VenueSettings): VenueAdapter {
  const entry: VenueEntry = VENUES[id];
  return entry.create({ ...settings, ...entry.urls(config) });
}

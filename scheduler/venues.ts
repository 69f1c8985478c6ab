/**
 * The venues of this process, each opened when it is first needed and shared by all jobs: one rate
 * gate, one circuit, one list of instruments. In: configuration. Out: adapters; `close()` closes them.
 */
import type { Clock } from '#core/time.ts';
import type { Config } from '#platform/config.ts';
import type { Logger } from '#platform/logger.ts';
import {
  openVenue,
  parseVenueId,
  type SharedLimits,
  type VenueAdapter,
  type VenueId,
} from '../etl/index.ts';

export interface Venues {
  /** @throws AppError WICK_ETL_UNSUPPORTED for one that does not exist. */
  open(exchange: string): VenueAdapter;
  close(): void;
}

export interface VenuesOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly shared?: SharedLimits | undefined;
  readonly logger?: Logger | undefined;
}

export function createVenues({ config, ...settings }: VenuesOptions): Venues {
  const opened = new Map<VenueId, VenueAdapter>();
  return {
    open: (exchange) => {
      const id = parseVenueId(exchange, config);
      const known = opened.get(id);
      if (known !== undefined) return known;
      const adapter = openVenue(id, config, settings);
      opened.set(id, adapter);
      return adapter;
    },
    close: () => {
      for (const adapter of opened.values()) adapter.close();
    },
  };
}

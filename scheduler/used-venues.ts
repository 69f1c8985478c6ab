/**
 * Which venues are in use, and which of their symbols. In: what the configuration collects and streams,
 * what Postgres holds. Out: venues with symbols, and in words what was passed over: a variable that
 * cannot be read, a venue that nobody knows. A web source is a venue here.
 */
import type { Series } from '#core/candle.ts';
import { AppError, errorText } from '#core/errors.ts';
import { parseSeriesList } from '#core/series-list.ts';
import type { Config } from '#platform/config.ts';
import type { Pool } from '#platform/postgres.ts';
import { parseVenueId, type VenueId } from '../etl/index.ts';
import { findStored } from './stored-series.ts';
import type { Venues } from './venues.ts';

export interface UsedVenues {
  /** Symbols by venue, each once. */
  readonly symbols: ReadonlyMap<VenueId, ReadonlySet<string>>;
  readonly passedOver: readonly string[];
}

export interface UsedVenuesOptions {
  readonly config: Pick<Config, 'COLLECT_SERIES' | 'STREAM_SERIES' | 'WEB_SOURCES_DIR'>;
  readonly pool: Pool;
  readonly venues: Pick<Venues, 'open'>;
}

export async function findUsedVenues(options: UsedVenuesOptions): Promise<UsedVenues> {
  const { config } = options;
  const passedOver: string[] = [];
  const symbols = new Map<VenueId, Set<string>>();
  const add = (series: readonly Series[], origin: string): void => {
    for (const { exchange, symbol } of series) {
      try {
        const id = parseVenueId(exchange, config);
        symbols.set(id, (symbols.get(id) ?? new Set()).add(symbol));
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        passedOver.push(`${origin}: ${errorText(error)}`);
      }
    }
  };
  for (const variable of ['COLLECT_SERIES', 'STREAM_SERIES'] as const) {
    try {
      add(parseSeriesList(config[variable], variable), variable);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      passedOver.push(errorText(error));
    }
  }
  const stored = await findStored(options);
  add(stored.series, 'stored');
  return { symbols, passedOver: [...new Set([...passedOver, ...stored.passedOver])] };
}

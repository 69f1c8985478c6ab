/**
 * The series that Postgres holds candles of, as far as they can be asked for. In: a pool, the venues
 * that this process knows. Out: series, and in words what was passed over and why: a venue that was
 * renamed, a web source whose file is gone, an interval of another version. None of that fails a job.
 */
import type { Series } from '#core/candle.ts';
import { AppError, errorText } from '#core/errors.ts';
import { isInterval } from '#core/interval.ts';
import type { Pool } from '#platform/postgres.ts';
import { listStoredSeries, type StoredName, type VenueAdapter } from '../etl/index.ts';
import type { Venues } from './venues.ts';

/** Most series that one job looks at; more would be told, and left out. */
const STORED_SERIES_MAX = 5_000;

export interface StoredSeries {
  readonly series: readonly Series[];
  readonly passedOver: readonly string[];
}

export async function findStored({
  pool,
  venues,
}: {
  readonly pool: Pool;
  readonly venues: Pick<Venues, 'open'>;
}): Promise<StoredSeries> {
  const found = await listStoredSeries(pool, STORED_SERIES_MAX + 1);
  const passedOver: string[] = [];
  if (found.length > STORED_SERIES_MAX) {
    passedOver.push(
      `more than ${STORED_SERIES_MAX} series are stored; those after the first ${STORED_SERIES_MAX} ` +
        'are left out; name them in jobs of their own',
    );
  }
  const series: Series[] = [];
  const groups = Map.groupBy(found.slice(0, STORED_SERIES_MAX), ({ exchange }) => exchange);
  for (const [exchange, names] of groups) {
    const venue = openOr(venues, exchange);
    if (typeof venue === 'string') passedOver.push(`${names.length} series of ${venue}`);
    else addKnown(venue, names, series, passedOver);
  }
  return { series, passedOver };
}

/** The adapter, or why there is none. */
function openOr(venues: Pick<Venues, 'open'>, exchange: string): VenueAdapter | string {
  try {
    return venues.open(exchange);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    if (error.code === 'WICK_ETL_UNSUPPORTED') {
      return `"${exchange}", which is neither a venue nor a web source here; a declared source needs its file in WEB_SOURCES_DIR`;
    }
    if (error.code === 'WICK_ETL_SOURCE_INVALID') {
      return `"${exchange}", which is no venue, and whether it is a web source cannot be read: ${errorText(error)}`;
    }
    throw error;
  }
}

function addKnown(
  { id, marketType, intervals }: VenueAdapter,
  names: readonly StoredName[],
  series: Series[],
  passedOver: string[],
): void {
  const others = new Map<string, number>();
  for (const { symbol, marketType: storedType, interval } of names) {
    if (storedType === marketType && isInterval(interval) && intervals.includes(interval)) {
      series.push({ exchange: id, marketType, symbol, interval });
    } else {
      const kind = `${storedType} ${interval}`;
      others.set(kind, (others.get(kind) ?? 0) + 1);
    }
  }
  for (const [kind, count] of others) {
    passedOver.push(`${count} series of "${id}" ${kind}, which it does not have`);
  }
}

/**
 * What `--exchange`, `--symbol` and `--tf` mean where a command looks into what is stored. In: the flags
 * as people write them, a symbol in any spelling. Out: the names that the rows bear, or a usage error
 * that lists what there is: a misspelt filter that finds nothing would pass for good news.
 */
import {
  listCollected,
  mapperOf,
  parseVenueId,
  VENUE_IDS,
  type SeriesChoice,
} from '../../etl/index.ts';
import type { Series } from '#core/candle.ts';
import { AppError } from '#core/errors.ts';
import type { Config } from '#platform/config.ts';
import type { Pool } from '#platform/postgres.ts';
import { parseIntervalFlag } from './series-flags.ts';

export interface SeriesFlags {
  readonly exchange?: string;
  readonly symbol?: string;
  readonly tf?: string;
}

/** Without a store. @throws AppError WICK_USAGE for an interval that there is not. */
export function parseSeriesFlags({ exchange, symbol, tf }: SeriesFlags): SeriesChoice {
  return { exchange, symbol, interval: tf === undefined ? undefined : parseIntervalFlag(tf) };
}

export interface SeriesFilter {
  readonly choice: SeriesChoice;
  /** False where all names are known, but no such series was ever collected. */
  readonly isCollected: boolean;
}

/** As many known symbols as a message lists. */
const LISTED_MAX = 20;

/** @throws AppError WICK_USAGE or WICK_ETL_UNSUPPORTED for a name that there is not. */
export async function resolveSeries(
  pool: Pool,
  config: Config,
  { exchange, symbol, interval }: SeriesChoice,
): Promise<SeriesFilter> {
  const collected = await listCollected(pool);
  if (exchange !== undefined) assertExchange(exchange, collected, config);
  const ofExchange = collected.filter(
    (each) => exchange === undefined || each.exchange === exchange,
  );
  const named = symbol === undefined ? undefined : findSymbol(symbol, exchange, ofExchange);
  const choice = { exchange, symbol: named, interval };
  const isNarrow = Object.values(choice).some((each) => each !== undefined);
  const fits = ofExchange.filter(
    (each) =>
      (named === undefined || each.symbol === named) &&
      (interval === undefined || each.interval === interval),
  );
  return { choice, isCollected: !isNarrow || fits.length > 0 };
}

/** A source that was taken away is known by its rows. */
function assertExchange(text: string, collected: readonly Series[], config: Config): void {
  if (!collected.some(({ exchange }) => exchange === text)) parseVenueId(text, config);
}

/** The canonical symbol, of those that were collected, that a spelling means. */
function findSymbol(
  text: string,
  exchange: string | undefined,
  collected: readonly Series[],
): string {
  const known = [...new Set(collected.map((each) => each.symbol))].sort();
  const lower = text.toLowerCase();
  const exact = known.find((each) => each.toLowerCase() === lower);
  if (exact !== undefined) return exact;
  const meant = new Set(
    collected.filter((each) => spelledBy(each.exchange, text) === each.symbol).map((s) => s.symbol),
  );
  const [found, ...others] = meant;
  if (found !== undefined && others.length === 0) return found;
  if (found !== undefined) {
    throw new AppError(
      'WICK_USAGE',
      `--symbol "${text}" means ${[...meant].join(' and ')}; give --exchange, or the symbol as BASE/QUOTE`,
    );
  }
  const where = exchange === undefined ? '' : ` of ${exchange}`;
  const more = known.length > LISTED_MAX ? ` and ${known.length - LISTED_MAX} more` : '';
  throw new AppError(
    'WICK_USAGE',
    known.length === 0
      ? `--symbol "${text}": no series${where} was ever collected; "wick run" and "wick backfill" collect one`
      : `--symbol "${text}": no such series${where} was ever collected; there are ${known.slice(0, LISTED_MAX).join(', ')}${more}`,
  );
}

/** What a spelling means to a venue by its rules; null where it means nothing, or there are no rules. */
function spelledBy(exchange: string, text: string): string | null {
  const id = VENUE_IDS.find((each) => each === exchange);
  if (id === undefined) return null;
  try {
    return mapperOf(id).parseSymbol(text).symbol;
  } catch (error) {
    if (error instanceof AppError && error.code === 'WICK_ETL_UNSUPPORTED') return null;
    throw error;
  }
}

/** For people: nothing was found, and why that is no good news. */
export const NOT_COLLECTED =
  'no such series was ever collected; "wick run" and "wick backfill" collect one\n';

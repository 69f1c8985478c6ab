/** What proofs are asked about. In: flags. Out: series and times, typed, or a usage error. */
import { seriesKey, type Series } from '#core/candle.ts';
import { AppError } from '#core/errors.ts';
import { parseSeries, SERIES_FORM } from '#core/series-list.ts';
import type { Pool } from '#platform/postgres.ts';
import type { Scope } from '../../proof/scope.ts';
import { parseListFlag, parseTimeFlag } from './series-flags.ts';

export interface ScopeFlags {
  readonly series?: string;
  readonly from?: string;
  readonly to?: string;
}

const SERIES_MAX = 100;

/** @throws AppError WICK_USAGE. */
export function parseScope(options: ScopeFlags): Scope {
  const from = parseTimeFlag('from', options.from);
  const to = parseTimeFlag('to', options.to);
  if (from !== null && to !== null && from >= to) {
    throw new AppError(
      'WICK_USAGE',
      `--to "${options.to}" does not lie after --from "${options.from}"`,
    );
  }
  const keys = options.series === undefined ? [] : parseListFlag('series', options.series);
  if (keys.length > SERIES_MAX) {
    throw new AppError(
      'WICK_USAGE',
      `--series names ${keys.length} series; give ${SERIES_MAX} at most`,
    );
  }
  const series = keys.map((key) => {
    const parsed = parseSeries(key);
    if (parsed === null) {
      throw new AppError('WICK_USAGE', `--series "${key}" is not ${SERIES_FORM}`);
    }
    return parsed;
  });
  return { series, from, to };
}

/** A misspelt series has no differences; that must not pass for good news. */
export async function assertStored(pool: Pool, series: readonly Series[]): Promise<void> {
  for (const each of series) {
    const { exchange, marketType, symbol, interval } = each;
    const { rowCount } = await pool.query(
      `select 1 from market.candles
       where exchange = $1::text and market_type = $2::text and symbol = $3::text
         and interval = $4::text and is_closed
       limit 1`,
      [exchange, marketType, symbol, interval],
    );
    if (rowCount === 0) {
      throw new AppError(
        'WICK_USAGE',
        `--series "${seriesKey(each)}": Postgres holds no closed candle of it; "wick status" says what is collected`,
      );
    }
  }
}

/**
 * The gap ledger for people and programs, newest first. In: a choice. Out: rows with their series, and
 * the series that there are to look through.
 */
import type { MarketType, Series } from '#core/candle.ts';
import type { Gap, GapCause } from '#core/gap.ts';
import type { Interval } from '#core/interval.ts';
import type { EpochMs } from '#core/time.ts';
import type { Pool } from '#platform/postgres.ts';
import { GAP_COLUMNS, gapOf, type GapRecord } from './gap-rows.ts';

/** What is absent narrows nothing. */
export interface SeriesChoice {
  readonly exchange?: string | undefined;
  /** Canonical `BASE/QUOTE`, in any case. */
  readonly symbol?: string | undefined;
  readonly interval?: Interval | undefined;
}

export interface GapChoice extends SeriesChoice {
  readonly cause?: GapCause | undefined;
  /** Gaps that end after it. */
  readonly since?: EpochMs | undefined;
  readonly limit: number;
}

export interface ListedGap {
  readonly series: Series;
  readonly gap: Gap;
}

interface SeriesRecord {
  readonly exchange: string;
  readonly market_type: MarketType;
  readonly symbol: string;
  readonly interval: Interval;
}

const CHOSEN = `
  ($1::text is null or exchange = $1::text)
  and ($2::text is null or upper(symbol) = upper($2::text))
  and ($3::text is null or interval = $3::text)`;

const LIST = `
  select exchange, market_type, symbol, interval, ${GAP_COLUMNS}
  from market.gaps
  where ${CHOSEN}
    and ($4::text is null or cause = $4::text)
    and ($5::timestamptz is null or gap_to > $5::timestamptz)
  order by gap_from desc, exchange, symbol, interval
  limit $6::integer`;

/** Runs of funding go by a period that is no width of candles. */
const SERIES = `
  select distinct exchange, market_type, symbol, interval
  from market.ingest_runs
  where ${CHOSEN} and split_part(job, ':', 1) <> 'funding'
  order by exchange, symbol, interval`;

const COLLECTED = `
  select distinct exchange, market_type, symbol, interval
  from market.ingest_runs
  order by exchange, symbol, interval`;

export async function listGaps(pool: Pool, choice: GapChoice): Promise<ListedGap[]> {
  const found = await pool.query<SeriesRecord & GapRecord>(LIST, [
    ...chosen(choice),
    choice.cause ?? null,
    choice.since === undefined ? null : new Date(choice.since).toISOString(),
    choice.limit,
  ]);
  return found.rows.map((row) => ({ series: seriesOf(row), gap: gapOf(row) }));
}

/** Series that candles were ever read for. */
export async function listSeries(pool: Pool, choice: SeriesChoice): Promise<Series[]> {
  const found = await pool.query<SeriesRecord>(SERIES, chosen(choice));
  return found.rows.map(seriesOf);
}

/** Everything that was ever read, funding by its period: the names that rows can bear. */
export async function listCollected(pool: Pool): Promise<Series[]> {
  const found = await pool.query<SeriesRecord>(COLLECTED);
  return found.rows.map(seriesOf);
}

function chosen({ exchange, symbol, interval }: SeriesChoice): (string | null)[] {
  return [exchange ?? null, symbol ?? null, interval ?? null];
}

function seriesOf({ exchange, market_type: marketType, symbol, interval }: SeriesRecord): Series {
  return { exchange, marketType, symbol, interval };
}

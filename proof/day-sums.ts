/**
 * Closed candles of both stores at a barrier, as counts and hashes by series and UTC day. In: a barrier,
 * what it is about. Out: days that differ, and what was not compared because Postgres no longer holds
 * anything that old. ClickHouse's past is in its ledger, which keeps every change with its place.
 */
import type { ClickHouseClient } from '#platform/clickhouse.ts';
import { readRows } from '#platform/clickhouse.ts';
import type { PoolClient } from '#platform/postgres.ts';
import { compareBuckets, type Bucket, type Mismatch } from './buckets.ts';
import {
  CLICKHOUSE_HASH,
  CLICKHOUSE_SERIES,
  CLICKHOUSE_SUMS,
  POSTGRES_HASH,
  POSTGRES_SERIES,
  POSTGRES_SUMS,
} from './candle-text.ts';
import { IS_BELOW } from './place.ts';
import { inClickHouse, inPostgres, type Scope } from './scope.ts';

/** Of a query that groups, bytes in memory before it goes on on the disk. */
export const SPILL = 'settings max_bytes_before_external_group_by = 500000000';

/** What Postgres held at the barrier. */
export interface PostgresDays {
  readonly days: readonly Bucket[];
  /** Open time of the first closed candle of each series, epoch ms, whatever the scope begins with. */
  readonly firsts: ReadonlyMap<string, number>;
}

export interface DaySums {
  readonly series: number;
  readonly days: number;
  readonly candles: number;
  readonly mismatches: readonly Mismatch[];
  /** Candles that ClickHouse has from before the first one that Postgres has, by series. */
  readonly older: ReadonlyMap<string, number>;
}

export async function readPostgresDays(client: PoolClient, scope: Scope): Promise<PostgresDays> {
  const { sql, parameters } = inPostgres(scope);
  const { rows } = await client.query<Bucket & { readonly first: string }>(
    // The text of a series is made once a day, not once a row.
    `select ${POSTGRES_SERIES} || ' ' || to_char(day, 'YYYY-MM-DD') as bucket, rows, high, low, first
     from (
       select exchange, market_type, symbol, interval, day, ${POSTGRES_SUMS},
              floor(extract(epoch from min(open_time)) * 1000)::bigint::text as first
       from (
         select exchange, market_type, symbol, interval, open_time, open_time::date as day,
                ${POSTGRES_HASH} as hash
         from market.candles
         where is_closed ${sql}
       ) as hashed
       group by exchange, market_type, symbol, interval, day
     ) as summed`,
    [...parameters],
  );
  const firsts = new Map<string, number>();
  const note = (series: string, first: number): void => {
    firsts.set(series, Math.min(first, firsts.get(series) ?? Infinity));
  };
  for (const { bucket, first } of rows) note(seriesOf(bucket), Number(first));
  if (scope.from !== null) {
    const whole = inPostgres({ ...scope, from: null });
    const earlier = await client.query<{ series: string; first: string }>(
      `select ${POSTGRES_SERIES} as series,
              floor(extract(epoch from min(open_time)) * 1000)::bigint::text as first
       from market.candles where is_closed ${whole.sql} group by 1`,
      [...whole.parameters],
    );
    for (const { series, first } of earlier.rows) note(series, Number(first));
  }
  return { days: rows, firsts };
}

/** @param lsn of the barrier, below which all must have arrived. */
export async function compareDays(
  clickhouse: ClickHouseClient,
  { days, firsts }: PostgresDays,
  scope: Scope,
  lsn: bigint,
): Promise<DaySums> {
  const { sql, parameters } = inClickHouse(scope);
  const theirs = await readRows<Bucket>(
    clickhouse,
    `select concat(${CLICKHOUSE_SERIES}, ' ', toString(toDate(open_time))) as bucket,
            ${CLICKHOUSE_SUMS}
     from (
       select exchange, market_type, symbol, interval, open_time,
              argMax(text, version) as hash, argMax(is_deleted, version) as gone
       from (
         select exchange, market_type, symbol, interval, open_time, version, is_deleted,
                ${CLICKHOUSE_HASH} as text
         from candle_revisions final
         where ${IS_BELOW} ${sql}
       )
       group by exchange, market_type, symbol, interval, open_time
     )
     where gone = 0
     group by bucket
     ${SPILL}`,
    { ...parameters, lsn: String(lsn) },
  );
  const older = new Map<string, number>();
  const held = theirs.filter(({ bucket, rows }) => {
    const series = seriesOf(bucket);
    if (dayOf(bucket) >= firstDay(firsts.get(series))) return true;
    older.set(series, (older.get(series) ?? 0) + Number(rows));
    return false;
  });
  return {
    series: new Set(days.map(({ bucket }) => seriesOf(bucket))).size,
    days: days.length,
    candles: days.reduce((sum, { rows }) => sum + Number(rows), 0),
    mismatches: compareBuckets(days, held, 'candles'),
    older,
  };
}

function seriesOf(bucket: string): string {
  return bucket.slice(0, bucket.lastIndexOf(' '));
}

function dayOf(bucket: string): string {
  return bucket.slice(bucket.lastIndexOf(' ') + 1);
}

/** Behind all days where Postgres has no candle of the series at all. */
function firstDay(first: number | undefined): string {
  return first === undefined ? '9999-12-31' : new Date(first).toISOString().slice(0, 10);
}

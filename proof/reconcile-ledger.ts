/**
 * Compares what travels with the candles: gaps and anchors by series, funding payments by series and UTC day. In:
 * clients. Out: buckets that differ. Every column counts, by the hash of a canonical text that both
 * stores write alike, as `reconcile.ts` has it for candles; nothing is compared by count alone.
 */
import { readRows } from '#platform/clickhouse.ts';
import { CLICKHOUSE_SUMS, POSTGRES_SUMS } from './candle-text.ts';
import { compareBuckets, type Bucket, type Mismatch } from './buckets.ts';
import type { ProofClients } from './proof-clients.ts';

/** The end of all times that both stores know, epoch ms: every row was seen before. */
const ALWAYS = '9000000000000';

const postgresMs = (column: string): string =>
  `floor(extract(epoch from ${column}) * 1000)::bigint::text`;
const clickHouseMs = (column: string): string => `toString(toUnixTimestamp64Milli(${column}))`;

/** Free text comes last and says that it is there, so no value can pass for another one. */
const POSTGRES_GAPS = `
  select 'gaps ' || exchange || '|' || market_type || '|' || symbol || '|' || interval as bucket,
         ${POSTGRES_SUMS}
  from (
    select exchange, market_type, symbol, interval,
      md5(concat_ws('|', ${postgresMs('gap_from')}, ${postgresMs('gap_to')}, candles::text, cause,
        attempts::text, empty_answers::text, ${postgresMs('first_seen_at')},
        coalesce(${postgresMs('last_checked_at')}, '~'), coalesce(${postgresMs('resolved_at')}, '~'),
        coalesce(last_run_id::text, '~'), coalesce('=' || detail, '~'))) as hash
    from market.gaps
    where ${postgresMs('greatest(first_seen_at, last_checked_at, resolved_at)')}::bigint < $1::bigint
  ) as hashed
  group by 1`;

const CLICKHOUSE_GAPS = `
  select concat('gaps ', exchange, '|', market_type, '|', symbol, '|', interval) as bucket,
         ${CLICKHOUSE_SUMS}
  from (
    select exchange, market_type, symbol, interval,
      MD5(concatWithSeparator('|', ${clickHouseMs('gap_from')}, ${clickHouseMs('gap_to')},
        toString(candles), toString(cause), toString(attempts), toString(empty_answers),
        ${clickHouseMs('first_seen_at')}, ifNull(${clickHouseMs('last_checked_at')}, '~'),
        ifNull(${clickHouseMs('resolved_at')}, '~'), ifNull(toString(last_run_id), '~'),
        ifNull(concat('=', detail), '~'))) as hash
    from gaps final
    where greatest(toUnixTimestamp64Milli(first_seen_at),
                   ifNull(toUnixTimestamp64Milli(last_checked_at), 0),
                   ifNull(toUnixTimestamp64Milli(resolved_at), 0)) < {until:Int64}
  )
  group by bucket`;

const POSTGRES_FUNDING = `
  select 'funding ' || exchange || '|' || market_type || '|' || symbol || '|' || interval || ' ' ||
           to_char(funding_time, 'YYYY-MM-DD') as bucket, ${POSTGRES_SUMS}
  from (
    select exchange, market_type, symbol, interval, funding_time,
      md5(concat_ws('|', ${postgresMs('funding_time')}, trim_scale(rate)::text,
        coalesce(trim_scale(mark_price)::text, '~'), coalesce(trim_scale(premium)::text, '~'),
        ${postgresMs('observed_at')}, coalesce(ingest_run_id::text, '~'),
        coalesce(raw_id::text, '~'), source)) as hash
    from market.funding_rates
    where ${postgresMs('observed_at')}::bigint < $1::bigint
  ) as hashed
  group by 1`;

const CLICKHOUSE_FUNDING = `
  select concat('funding ', exchange, '|', market_type, '|', symbol, '|', interval, ' ',
                toString(toDate(funding_time))) as bucket, ${CLICKHOUSE_SUMS}
  from (
    select exchange, market_type, symbol, interval, funding_time,
      MD5(concatWithSeparator('|', ${clickHouseMs('funding_time')}, toString(rate),
        ifNull(toString(mark_price), '~'), ifNull(toString(premium), '~'),
        ${clickHouseMs('observed_at')}, ifNull(toString(ingest_run_id), '~'),
        ifNull(toString(raw_id), '~'), toString(source))) as hash
    from funding_rates final
    where toUnixTimestamp64Milli(observed_at) < {until:Int64}
  )
  group by bucket`;

const POSTGRES_ANCHORS = `
  select 'anchor ' || exchange || '|' || market_type || '|' || symbol || '|' || interval as bucket,
         ${POSTGRES_SUMS}
  from (
    select exchange, market_type, symbol, interval, md5(${postgresMs('anchor')}) as hash
    from market.anchors
    where ${postgresMs('moved_at')}::bigint < $1::bigint
  ) as hashed
  group by 1`;

/** The last move of each. */
const CLICKHOUSE_ANCHORS = `
  select concat('anchor ', exchange, '|', market_type, '|', symbol, '|', interval) as bucket,
         ${CLICKHOUSE_SUMS}
  from (
    select exchange, market_type, symbol, interval,
      MD5(toString(toUnixTimestamp64Milli(argMax(anchor, version)))) as hash
    from anchors
    group by exchange, market_type, symbol, interval
    having argMax(is_deleted, version) = 0
      and toUnixTimestamp64Milli(argMax(moved_at, version)) < {until:Int64}
  )
  group by bucket`;

/** @param until only rows that were last touched before it, epoch ms as text; all of them by default. */
export async function reconcileLedger(
  { pool, clickhouse }: Pick<ProofClients, 'pool' | 'clickhouse'>,
  until = ALWAYS,
): Promise<Mismatch[]> {
  const compare = async (ours: string, theirs: string, noun: string): Promise<Mismatch[]> => {
    const [postgres, other] = await Promise.all([
      pool.query<Bucket>(ours, [until]),
      readRows<Bucket>(clickhouse, theirs, { until }),
    ]);
    return compareBuckets(postgres.rows, other, noun);
  };
  const [gaps, funding, anchors] = await Promise.all([
    compare(POSTGRES_GAPS, CLICKHOUSE_GAPS, 'gaps'),
    compare(POSTGRES_FUNDING, CLICKHOUSE_FUNDING, 'funding payments'),
    compare(POSTGRES_ANCHORS, CLICKHOUSE_ANCHORS, 'anchors'),
  ]);
  return [...gaps, ...funding, ...anchors];
}

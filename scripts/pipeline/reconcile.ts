/**
 * Compares Postgres and ClickHouse at rest. In: clients. Out: buckets (series and UTC day) that
 * differ. Candles are compared in every column: the MD5 of each row's canonical text, its two 64-bit
 * halves summed, so the order of rows does not matter. Features and signals are compared by coverage:
 * one current row per closed candle, made from that very candle, of the sets and versions that run.
 */
import { readRows } from '#platform/clickhouse.ts';
import type { PipelineClients } from './pipeline-clients.ts';
import { OF_FEATURE_SET, OF_RULE_SET } from './produced-by.ts';

export interface ReconcileReport {
  readonly series: number;
  readonly buckets: number;
  /** Buckets that differ, each with what differs. */
  readonly mismatches: readonly { readonly bucket: string; readonly what: string }[];
}

/** Text of one candle, the same on both sides: plain decimals without trailing zeros, epoch ms. */
const POSTGRES_BUCKETS = `
  select exchange || '|' || market_type || '|' || symbol || '|' || interval || ' ' ||
           to_char(open_time, 'YYYY-MM-DD') as bucket,
         count(*)::text as rows,
         sum(('x' || substr(hash, 1, 16))::bit(64)::bigint)::text as high,
         sum(('x' || substr(hash, 17, 16))::bit(64)::bigint)::text as low
  from (
    select exchange, market_type, symbol, interval, open_time,
      md5(concat_ws('|', (extract(epoch from open_time) * 1000)::bigint,
        trim_scale(open), trim_scale(high), trim_scale(low), trim_scale(close),
        coalesce(trim_scale(volume)::text, '~'), coalesce(trim_scale(quote_volume)::text, '~'),
        coalesce(trades::text, '~'), coalesce(trim_scale(taker_buy_base)::text, '~'),
        coalesce(trim_scale(taker_buy_quote)::text, '~'), revision,
        floor(extract(epoch from observed_at) * 1000)::bigint, source)) as hash
    from market.candles
    where is_closed
  ) as hashed
  group by 1`;

const CLICKHOUSE_BUCKETS = `
  select concat(exchange, '|', market_type, '|', symbol, '|', interval, ' ',
                toString(toDate(open_time))) as bucket,
         toString(count()) as rows,
         toString(sum(toInt128(reinterpretAsInt64(reverse(substring(hash, 1, 8)))))) as high,
         toString(sum(toInt128(reinterpretAsInt64(reverse(substring(hash, 9, 8)))))) as low
  from (
    select exchange, market_type, symbol, interval, open_time,
      MD5(concatWithSeparator('|', toString(toUnixTimestamp64Milli(open_time)),
        toString(open), toString(high), toString(low), toString(close),
        ifNull(toString(volume), '~'), ifNull(toString(quote_volume), '~'),
        ifNull(toString(trades), '~'), ifNull(toString(taker_buy_base), '~'),
        ifNull(toString(taker_buy_quote), '~'), toString(revision),
        toString(toUnixTimestamp64Milli(observed_at)), source)) as hash
    from candles final
  )
  group by bucket`;

/** Candles whose derived row is missing, made from another version, or there without a candle. */
const COVERAGE = (table: 'features' | 'signals', which: string): string => `
  select concat(exchange, '|', market_type, '|', symbol, '|', interval, ' ',
                toString(toDate(open_time))) as bucket, toString(count()) as rows
  from (
    select exchange, market_type, symbol, interval, open_time,
           sum(side) as sides, max(version) as newest, min(version) as oldest
    from (
      select exchange, market_type, symbol, interval, open_time, version, 1 as side
      from candles final
      union all
      select exchange, market_type, symbol, interval, open_time, candle_version as version, 2 as side
      from ${table} final
      where ${which}
    )
    group by exchange, market_type, symbol, interval, open_time
  )
  where sides != 3 or newest != oldest
  group by bucket`;

interface Bucket {
  readonly bucket: string;
  readonly rows: string;
  readonly high: string;
  readonly low: string;
}

export async function reconcile(
  clients: Pick<PipelineClients, 'pool' | 'clickhouse' | 'producer'>,
): Promise<ReconcileReport> {
  const coverage = (table: 'features' | 'signals', which: string) =>
    readRows<{ bucket: string; rows: string }>(clients.clickhouse, COVERAGE(table, which), {
      ...clients.producer,
    });
  const [postgres, clickhouse, features, signals] = await Promise.all([
    clients.pool.query<Bucket>(POSTGRES_BUCKETS),
    readRows<Bucket>(clients.clickhouse, CLICKHOUSE_BUCKETS),
    coverage('features', OF_FEATURE_SET),
    coverage('signals', OF_RULE_SET),
  ]);
  const ours = new Map(postgres.rows.map((row) => [row.bucket, row]));
  const theirs = new Map(clickhouse.map((row) => [row.bucket, row]));
  const mismatches: { bucket: string; what: string }[] = [];
  for (const bucket of new Set([...ours.keys(), ...theirs.keys()])) {
    const what = difference(ours.get(bucket), theirs.get(bucket));
    if (what !== null) mismatches.push({ bucket, what });
  }
  for (const { bucket, rows } of features) {
    mismatches.push({ bucket, what: `${rows} candles without their features row, or the reverse` });
  }
  for (const { bucket, rows } of signals) {
    mismatches.push({ bucket, what: `${rows} candles without their signals row, or the reverse` });
  }
  const series = new Set(
    [...ours.keys()].map((bucket) => bucket.slice(0, bucket.lastIndexOf(' '))),
  );
  return { series: series.size, buckets: ours.size, mismatches };
}

function difference(postgres: Bucket | undefined, clickhouse: Bucket | undefined): string | null {
  const rows = [postgres?.rows ?? '0', clickhouse?.rows ?? '0'];
  if (rows[0] !== rows[1]) return `${rows[0]} candles in Postgres, ${rows[1]} in ClickHouse`;
  if (postgres?.high !== clickhouse?.high || postgres?.low !== clickhouse?.low) {
    return `${rows[0]} candles on both sides, but not with the same values`;
  }
  return null;
}

/**
 * Compares Postgres and ClickHouse at rest. In: clients. Out: buckets (series and UTC day) that
 * differ, those of gaps and funding payments with them. Candles are compared in every column: the MD5 of each row's canonical text, its two 64-bit
 * halves summed, so the order of rows does not matter. Features and signals are compared by coverage:
 * one current row per closed candle, made from that very candle, of the sets and versions that run.
 */
import { readRows } from '#platform/clickhouse.ts';
import { compareBuckets, type Bucket, type Mismatch } from '../../proof/buckets.ts';
import {
  CLICKHOUSE_HASH,
  CLICKHOUSE_SERIES,
  CLICKHOUSE_SUMS,
  POSTGRES_HASH,
  POSTGRES_SERIES,
  POSTGRES_SUMS,
} from '../../proof/candle-text.ts';
import type { PipelineClients } from './pipeline-clients.ts';
import { OF_FEATURE_SET, OF_RULE_SET } from '../../proof/produced-by.ts';
import { reconcileLedger } from '../../proof/reconcile-ledger.ts';

export interface ReconcileReport {
  /** Of candles. */
  readonly series: number;
  readonly buckets: number;
  /** Buckets that differ, each with what differs; those of the ledger begin with its table. */
  readonly mismatches: readonly Mismatch[];
}

const POSTGRES_BUCKETS = `
  select ${POSTGRES_SERIES} || ' ' || to_char(open_time, 'YYYY-MM-DD') as bucket, ${POSTGRES_SUMS}
  from (
    select exchange, market_type, symbol, interval, open_time, ${POSTGRES_HASH} as hash
    from market.candles
    where is_closed
  ) as hashed
  group by 1`;

const CLICKHOUSE_BUCKETS = `
  select concat(${CLICKHOUSE_SERIES}, ' ', toString(toDate(open_time))) as bucket,
         ${CLICKHOUSE_SUMS}
  from (
    select exchange, market_type, symbol, interval, open_time, ${CLICKHOUSE_HASH} as hash
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

type Reconciled = Pick<PipelineClients, 'pool' | 'clickhouse' | 'producer'>;

export async function reconcile(clients: Reconciled): Promise<ReconcileReport> {
  const [candles, ledger] = await Promise.all([
    reconcileCandles(clients),
    reconcileLedger(clients),
  ]);
  return { ...candles, mismatches: [...candles.mismatches, ...ledger] };
}

/** The same of candles and what is derived of them. */
export async function reconcileCandles(clients: Reconciled): Promise<ReconcileReport> {
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
  const mismatches = compareBuckets(postgres.rows, clickhouse, 'candles');
  for (const { bucket, rows } of features) {
    mismatches.push({ bucket, what: `${rows} candles without their features row, or the reverse` });
  }
  for (const { bucket, rows } of signals) {
    mismatches.push({ bucket, what: `${rows} candles without their signals row, or the reverse` });
  }
  const series = new Set(
    postgres.rows.map(({ bucket }) => bucket.slice(0, bucket.lastIndexOf(' '))),
  );
  return { series: series.size, buckets: postgres.rows.length, mismatches };
}

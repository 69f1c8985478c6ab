/**
 * Has change capture send stored candles through the pipeline once more. In: candles that ClickHouse lacks
 * or has wrong. Out: incremental snapshots of the ranges around them, one a series, and a wait until
 * their rows arrived or nothing arrives any more. It reads Postgres and writes no candle.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { seriesKey, type Series } from '#core/candle.ts';
import { POSTGRES_SCHEMA } from '#core/contracts/names.ts';
import { formatInstant, epochMs } from '#core/time.ts';
import { readRows, type ClickHouseClient } from '#platform/clickhouse.ts';
import type { Pool } from '#platform/postgres.ts';
import { DAY_MS } from './day.ts';
import type { Damage } from './damage.ts';

/** Ranges in one signal, whose text may have 2,048 characters. */
const RANGES_MAX = 12;
/** For the first row, and between two: the signal has to travel, then a chunk is read in a window. */
const QUIET_MS = 15_000;
const POLL_MS = 250;

interface Range {
  readonly from: number;
  /** Inclusive. */
  readonly to: number;
}

export async function askAgain(
  { pool, clickhouse }: { readonly pool: Pool; readonly clickhouse: ClickHouseClient },
  rows: readonly Pick<Damage, 'series' | 'openTime'>[],
): Promise<void> {
  const bySeries = Map.groupBy(rows, ({ series }) => seriesKey(series));
  for (const damaged of bySeries.values()) {
    const { series } = damaged[0]!;
    const times = damaged.map(({ openTime }) => openTime).toSorted((a, b) => a - b);
    const ranges = rangesOf(times);
    const before = await countArrived(clickhouse, series, ranges);
    await pool.query(
      `insert into ${POSTGRES_SCHEMA}.cdc_signal (id, type, data)
       values ($1::text, 'execute-snapshot', $2::text)`,
      [`reconcile-${randomUUID().slice(0, 23)}`, signalOf(series, ranges)],
    );
    await untilQuiet(() => countArrived(clickhouse, series, ranges), before + times.length);
  }
}

/** Few ranges that hold all times, which are sorted. */
export function rangesOf(times: readonly number[], max = RANGES_MAX): readonly Range[] {
  for (let gapMs = DAY_MS; ; gapMs *= 2) {
    const ranges: { from: number; to: number }[] = [];
    for (const time of times) {
      const last = ranges.at(-1);
      if (last !== undefined && time - last.to <= gapMs) last.to = time;
      else ranges.push({ from: time, to: time });
    }
    if (ranges.length <= max) return ranges;
  }
}

/** Debezium's contract: the filter is a condition of SQL. */
export function signalOf(series: Series, ranges: readonly Range[]): string {
  const text = (value: string): string => `'${value.replaceAll("'", "''")}'`;
  const time = (ms: number): string => text(formatInstant(epochMs(ms)));
  const { exchange, marketType, symbol, interval } = series;
  const spans = ranges.map(({ from, to }) => `open_time between ${time(from)} and ${time(to)}`);
  const filter =
    `exchange = ${text(exchange)} and market_type = ${text(marketType)} and ` +
    `symbol = ${text(symbol)} and interval = ${text(interval)} and (${spans.join(' or ')})`;
  const table = `${POSTGRES_SCHEMA}.candles`;
  return JSON.stringify({
    type: 'incremental',
    'data-collections': [table],
    'additional-conditions': [{ 'data-collection': table, filter }],
  });
}

/** Rows of incremental snapshots, which stand for no record of the WAL. */
async function countArrived(
  clickhouse: ClickHouseClient,
  series: Series,
  ranges: readonly Range[],
): Promise<number> {
  const [row] = await readRows<{ n: string }>(
    clickhouse,
    `select count() as n from candle_revisions final
     where exchange = {exchange:String} and market_type = {marketType:String}
       and symbol = {symbol:String} and interval = {interval:String} and lsn is null
       and open_time >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')
       and open_time <= fromUnixTimestamp64Milli({to:Int64}, 'UTC')`,
    { ...series, from: ranges[0]?.from, to: ranges.at(-1)?.to },
  );
  return Number(row?.n ?? 0);
}

/** Until the count is reached, or has not changed for QUIET_MS. */
async function untilQuiet(count: () => Promise<number>, enough: number): Promise<void> {
  let last = -1;
  let changedAt = performance.now();
  while (performance.now() - changedAt < QUIET_MS) {
    const now = await count();
    if (now >= enough) return;
    if (now !== last) changedAt = performance.now();
    last = now;
    await delay(POLL_MS);
  }
}

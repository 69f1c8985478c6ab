/**
 * I1 and I6 by SQL of its own. In: Postgres and ClickHouse at rest. Out: days of series whose closed
 * candles differ in number or in any column, revisions whose newest is not the candle, and writes that
 * were acknowledged and are gone. Nothing of the product's reconciliation is used.
 */
import { createHash } from 'node:crypto';
import { readRows, type ClickHouseClient } from '#platform/clickhouse.ts';
import type { Pool } from '#platform/postgres.ts';
import { violationOf, type Violation } from './violation.ts';

/** A row of either store, spelled the same way. */
export interface StoredRow {
  /** `series epoch-ms`. */
  readonly key: string;
  /** `series day`. */
  readonly bucket: string;
  /** All columns. */
  readonly text: string;
  readonly close: string;
}

const IN_POSTGRES = `
  select concat_ws('|', exchange, market_type, symbol, interval)
           || ' ' || (extract(epoch from open_time) * 1000)::bigint as key,
         concat_ws('|', exchange, market_type, symbol, interval)
           || ' ' || to_char(open_time at time zone 'UTC', 'YYYY-MM-DD') as bucket,
         concat_ws('|', trim_scale(open), trim_scale(high), trim_scale(low), trim_scale(close),
           coalesce(trim_scale(volume)::text, '-'), coalesce(trim_scale(quote_volume)::text, '-'),
           coalesce(trades::text, '-'), coalesce(trim_scale(taker_buy_base)::text, '-'),
           coalesce(trim_scale(taker_buy_quote)::text, '-'), revision,
           floor(extract(epoch from observed_at) * 1000)::bigint, source) as text,
         trim_scale(close)::text as close
  from market.candles
  where is_closed
  order by 1`;

const COLUMNS = `toString(open), toString(high), toString(low), toString(close),
  ifNull(toString(volume), '-'), ifNull(toString(quote_volume), '-'), ifNull(toString(trades), '-'),
  ifNull(toString(taker_buy_base), '-'), ifNull(toString(taker_buy_quote), '-'), toString(revision),
  toString(toUnixTimestamp64Milli(observed_at)), source`;
const SERIES = `concatWithSeparator('|', exchange, market_type, symbol, interval)`;
export const CLICKHOUSE_KEY = `concat(${SERIES}, ' ', toString(toUnixTimestamp64Milli(open_time)))`;

const IN_CLICKHOUSE = `
  select ${CLICKHOUSE_KEY} as key, concat(${SERIES}, ' ', toString(toDate(open_time, 'UTC'))) as bucket,
         concatWithSeparator('|', ${COLUMNS}) as text, toString(close) as close
  from candles final
  order by key`;

/** What the newest revision of each candle says; candles that it deletes are left out. */
const IN_REVISIONS = `
  select ${CLICKHOUSE_KEY} as key, argMax(concatWithSeparator('|', ${COLUMNS}), version) as text
  from candle_revisions
  group by key
  having argMax(is_deleted, version) = 0`;

export async function postgresCandles(pool: Pool): Promise<readonly StoredRow[]> {
  return (await pool.query<StoredRow>(IN_POSTGRES)).rows;
}

/** I1: per series and day, number and 128-bit sum of the closed candles are equal in both stores. */
export async function checkCandles(
  postgres: readonly StoredRow[],
  client: ClickHouseClient,
): Promise<Violation[]> {
  const clickhouse = await readRows<StoredRow>(client, IN_CLICKHOUSE);
  const [here, there] = [bucketsOf(postgres), bucketsOf(clickhouse)];
  const days = [...new Set([...here.keys(), ...there.keys()])].filter(
    (bucket) => here.get(bucket) !== there.get(bucket),
  );
  const found = violationOf(
    'I1',
    'days of a series differ between Postgres and ClickHouse',
    days.map((day) => `${day}: ${here.get(day) ?? 'none'} / ${there.get(day) ?? 'none'}`),
  );
  const revisions = await readRows<Pick<StoredRow, 'key' | 'text'>>(client, IN_REVISIONS);
  const newest = new Map(revisions.map(({ key, text }) => [key, text]));
  const unlike = clickhouse.filter(({ key, text }) => newest.get(key) !== text);
  const extra = newest.size - clickhouse.length;
  return [
    ...found,
    ...violationOf(
      'I1',
      'candles are not their newest revision',
      unlike.map(({ key }) => key),
    ),
    ...(extra > 0 ? violationOf('I1', 'more candles in revisions', [String(extra)]) : []),
  ];
}

/** I6: what a commit acknowledged is there, with the value that it was given last. */
export function checkAcked(
  postgres: readonly StoredRow[],
  { acked, unsure }: { acked: ReadonlyMap<string, string | null>; unsure: ReadonlySet<string> },
): Violation[] {
  const stored = new Map(postgres.map(({ key, close }) => [key, close]));
  const wrong = [...acked].filter(([key, close]) => {
    if (unsure.has(key)) return false;
    const found = stored.get(key) ?? null;
    return close === null || found === null ? found !== close : Number(found) !== Number(close);
  });
  return violationOf(
    'I6',
    'acknowledged writes are gone',
    wrong.map(([key]) => key),
  );
}

/** Number and sum, modulo 2^128, of the hashes of the rows of each bucket. */
function bucketsOf(rows: readonly StoredRow[]): Map<string, string> {
  const sums = new Map<string, { count: number; sum: bigint }>();
  for (const { key, bucket, text } of rows) {
    const hash = createHash('sha256').update(`${key} ${text}`).digest('hex').slice(0, 32);
    const { count, sum } = sums.get(bucket) ?? { count: 0, sum: 0n };
    sums.set(bucket, { count: count + 1, sum: BigInt.asUintN(128, sum + BigInt(`0x${hash}`)) });
  }
  return new Map(
    [...sums].map(([bucket, { count, sum }]) => [bucket, `${count} ${sum.toString(16)}`]),
  );
}

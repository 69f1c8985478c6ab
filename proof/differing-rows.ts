/**
 * The candles behind days that differ. In: a barrier, the days. Out: each candle that is missing, differs
 * or should not be, with the columns, oldest first within a series; the first `limit` of them. Candles
 * from before the first one that Postgres has are not compared.
 */
import { seriesKey, type Series } from '#core/candle.ts';
import { epochMs } from '#core/time.ts';
import { readRows, type ClickHouseClient } from '#platform/clickhouse.ts';
import type { PoolClient } from '#platform/postgres.ts';
import { CANDLE_COLUMNS } from './candle-text.ts';
import { DAY_MS, type Day } from './day.ts';
import { NOTHING, type Damage } from './damage.ts';
import { IS_BELOW } from './place.ts';

/** Days that are read together: 43,200 candles of a minute. */
const DAYS_AT_ONCE = 30;

export interface RowsRequest {
  /** Of the barrier. */
  readonly client: PoolClient;
  readonly clickhouse: ClickHouseClient;
  readonly lsn: bigint;
  readonly firsts: ReadonlyMap<string, number>;
  /** First and last open time (exclusive) that a user wants to know about. */
  readonly bounds: { readonly from: number; readonly to: number };
  readonly limit: number;
}

type Row = Readonly<Record<string, string>>;

export async function findDifferingRows(
  days: readonly Day[],
  request: RowsRequest,
): Promise<{ readonly rows: Damage[]; readonly isCut: boolean }> {
  const found: Damage[] = [];
  for (const range of joinDays(days)) {
    found.push(...(await differencesIn(range, request)));
    if (found.length > request.limit) return { rows: found.slice(0, request.limit), isCut: true };
  }
  return { rows: found, isCut: false };
}

/** Neighbouring days of one series as one, up to DAYS_AT_ONCE. */
function joinDays(days: readonly Day[]): Day[] {
  const sorted = days.toSorted(
    (a, b) => compareText(seriesKey(a.series), seriesKey(b.series)) || a.from - b.from,
  );
  const joined: Day[] = [];
  for (const day of sorted) {
    const last = joined.at(-1);
    const follows =
      last !== undefined &&
      seriesKey(last.series) === seriesKey(day.series) &&
      day.from <= last.to &&
      day.to - last.from <= DAYS_AT_ONCE * DAY_MS;
    if (follows) joined[joined.length - 1] = { ...last, to: day.to };
    else joined.push(day);
  }
  return joined;
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

async function differencesIn(day: Day, request: RowsRequest): Promise<Damage[]> {
  const { series } = day;
  const first = request.firsts.get(seriesKey(series)) ?? Infinity;
  const from = Math.max(day.from, first, request.bounds.from);
  const to = Math.min(day.to, request.bounds.to);
  if (from >= to) return [];
  const [ours, theirs] = await Promise.all([
    readPostgres(request.client, series, from, to),
    readClickHouse(request, series, from, to),
  ]);
  const times = [...new Set([...ours.keys(), ...theirs.keys()])].sort((a, b) => a - b);
  return times.flatMap((time) => {
    const damage = differenceAt(ours.get(time), theirs.get(time));
    return damage === null ? [] : [{ series, openTime: epochMs(time), what: null, ...damage }];
  });
}

function differenceAt(
  ours: Row | undefined,
  theirs: Row | undefined,
): Pick<Damage, 'kind' | 'columns'> | null {
  if (theirs === undefined) return { kind: 'missing', columns: [] };
  const columns = CANDLE_COLUMNS.flatMap(({ name }, index) => {
    const [postgres = NOTHING, clickhouse = NOTHING] = [ours?.[`c${index}`], theirs[`c${index}`]];
    return postgres === clickhouse ? [] : [{ name, postgres, clickhouse }];
  });
  if (ours === undefined) return { kind: 'ghost', columns };
  return columns.length === 0 ? null : { kind: 'differs', columns };
}

async function readPostgres(
  client: PoolClient,
  { exchange, marketType, symbol, interval }: Series,
  from: number,
  to: number,
): Promise<Map<number, Row>> {
  const { rows } = await client.query<Row>(
    `select floor(extract(epoch from open_time) * 1000)::bigint::text as t,
            ${CANDLE_COLUMNS.map(({ postgres }, index) => `${postgres} as c${index}`).join(', ')}
     from market.candles
     where is_closed and exchange = $1::text and market_type = $2::text and symbol = $3::text
       and interval = $4::text and open_time >= to_timestamp($5::bigint / 1000.0)
       and open_time < to_timestamp($6::bigint / 1000.0)`,
    [exchange, marketType, symbol, interval, from, to],
  );
  return byTime(rows);
}

async function readClickHouse(
  { clickhouse, lsn }: RowsRequest,
  series: Series,
  from: number,
  to: number,
): Promise<Map<number, Row>> {
  const rows = await readRows<Row>(
    clickhouse,
    `select * from (
       select toString(toUnixTimestamp64Milli(open_time)) as t, is_deleted as gone,
              ${CANDLE_COLUMNS.map(({ clickHouse }, index) => `${clickHouse} as c${index}`).join(', ')}
       from candle_revisions final
       where exchange = {exchange:String} and market_type = {marketType:String}
         and symbol = {symbol:String} and interval = {interval:String}
         and open_time >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')
         and open_time < fromUnixTimestamp64Milli({to:Int64}, 'UTC')
         and ${IS_BELOW}
       order by open_time, version desc
       limit 1 by open_time
     ) where gone = 0`,
    { ...series, from, to, lsn: String(lsn) },
  );
  return byTime(rows);
}

function byTime(rows: readonly Row[]): Map<number, Row> {
  return new Map(rows.map((row) => [Number(row['t']), row]));
}

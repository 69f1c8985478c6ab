/**
 * The rows of features and signals that ClickHouse holds of a series. In: a range of open times, a place in
 * the WAL. Out: their texts, each with its version and whether it may have come after that place. Bounded:
 * a range that holds far more rows than it has candles is an error.
 */
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { seriesKey, type Series } from '#core/candle.ts';
import { AppError } from '#core/errors.ts';
import { readRows, type ClickHouseClient } from '#platform/clickhouse.ts';
import type { Producer } from '../analyzer/sink/tables.ts';
import { OF_FEATURE_SET, OF_RULE_SET } from './produced-by.ts';
import { CELLS_SQL, type EvaluationTable } from './evaluation-cells.ts';
import { MAY_BE_ABOVE } from './place.ts';

/** Rows of one table in one reading: several times those of a page of candles. */
const ROWS_MAX = 65_536;

export const OF_SERIES = `exchange = {exchange:String} and market_type = {marketType:String}
  and symbol = {symbol:String} and interval = {interval:String}`;
export const IN_RANGE = `open_time >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')
  and open_time < fromUnixTimestamp64Milli({to:Int64}, 'UTC')`;
const OF_PRODUCER: Readonly<Record<EvaluationTable, string>> = {
  features: OF_FEATURE_SET,
  signals: OF_RULE_SET,
};

export interface StoredText {
  readonly openTime: number;
  readonly text: string;
  /** It may have been written for a change behind the place. */
  readonly isAbove: boolean;
}

export interface StoredRange {
  readonly clickhouse: ClickHouseClient;
  readonly producer: Producer;
  readonly series: Series;
  /** Open times, half-open, epoch ms. */
  readonly from: number;
  readonly to: number;
  /** The place. */
  readonly lsn: bigint;
}

const StoredRow = Compile(
  Type.Object({ t: Type.String(), text: Type.String(), above: Type.Integer() }),
);
const TimeRow = Compile(Type.Object({ t: Type.String() }));

/** By open time. @throws AppError WICK_PROOF_STALLED where there are too many. */
export async function readStored(
  table: EvaluationTable,
  range: StoredRange,
): Promise<ReadonlyMap<number, StoredText>> {
  const rows = await readRows<unknown>(
    range.clickhouse,
    `select toString(toUnixTimestamp64Milli(open_time)) as t, ${MAY_BE_ABOVE} as above,
            ${CELLS_SQL[table]} as text
     from ${table} final
     where ${OF_PRODUCER[table]} and ${OF_SERIES} and ${IN_RANGE}
     limit ${ROWS_MAX}`,
    parametersOf(range),
  );
  if (rows.length === ROWS_MAX) {
    throw new AppError(
      'WICK_PROOF_STALLED',
      `${table} holds more than ${ROWS_MAX} rows of ${seriesKey(range.series)} where there are far ` +
        'fewer candles; "wick reconcile" names them',
    );
  }
  return new Map(
    rows.map((row) => {
      if (!StoredRow.Check(row)) throw new Error(`unexpected row: ${JSON.stringify(row)}`);
      const openTime = Number(row.t);
      return [openTime, { openTime, text: row.text, isAbove: row.above === 1 }] as const;
    }),
  );
}

/** Open times of which something was written behind the place, be it that the row is gone. */
export async function readMovedTimes(
  table: EvaluationTable,
  range: StoredRange,
): Promise<ReadonlySet<number>> {
  const rows = await readRows<unknown>(
    range.clickhouse,
    `select distinct toString(toUnixTimestamp64Milli(open_time)) as t
     from ${table}
     where ${OF_PRODUCER[table]} and ${OF_SERIES} and ${IN_RANGE} and ${MAY_BE_ABOVE}
     limit ${ROWS_MAX}`,
    parametersOf(range),
  );
  return new Set(
    rows.map((row) => {
      if (!TimeRow.Check(row)) throw new Error(`unexpected row: ${JSON.stringify(row)}`);
      return Number(row.t);
    }),
  );
}

/** Rows behind all candles, those that may have come after the place apart: the first `limit`. */
export async function readExtra(
  table: EvaluationTable,
  range: StoredRange,
  limit: number,
): Promise<readonly StoredText[]> {
  const rows = await readRows<unknown>(
    range.clickhouse,
    `select toString(toUnixTimestamp64Milli(open_time)) as t, 0 as above, ${CELLS_SQL[table]} as text
     from ${table} final
     where ${OF_PRODUCER[table]} and ${OF_SERIES} and ${IN_RANGE} and not (${MAY_BE_ABOVE})
     order by open_time
     limit {limit:UInt32}`,
    { ...parametersOf(range), limit },
  );
  return rows.map((row) => {
    if (!StoredRow.Check(row)) throw new Error(`unexpected row: ${JSON.stringify(row)}`);
    return { openTime: Number(row.t), text: row.text, isAbove: false };
  });
}

function parametersOf({
  producer,
  series,
  from,
  to,
  lsn,
}: StoredRange): Readonly<Record<string, unknown>> {
  return { ...producer, ...series, from, to, lsn: String(lsn) };
}

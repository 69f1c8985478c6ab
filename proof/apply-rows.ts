/**
 * Writes rows of features and signals as a replay computed them. In: rows that differ, are missing or should
 * not be. Out: rows in ClickHouse under the version that each has already: of equal versions ClickHouse
 * keeps the one that was inserted last, so they win over what is wrong, and lose to whatever the analyzer
 * writes for a later change. A missing row takes the version of its candle. No state of the analyzer holds
 * such a row, so none has to follow.
 */
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { seriesKey, type Series } from '#core/candle.ts';
import type { EpochMs } from '#core/time.ts';
import { insertNative, readRows, type ClickHouseClient } from '#platform/clickhouse.ts';
import { OutputRows, OUTPUTS, type Producer } from '../analyzer/sink/tables.ts';
import { MAY_BE_ABOVE } from './place.ts';
import { OF_FEATURE_SET, OF_RULE_SET } from './produced-by.ts';
import type { ReplayedRow } from './replay-series.ts';
import { OF_SERIES } from './stored-evaluations.ts';

/** Candles in one reading of versions and one insert. */
const ROWS_AT_ONCE = 500;

const OF_TIMES = `has({times:Array(Int64)}, toUnixTimestamp64Milli(open_time))`;
/** Of each candle the newest version of any of its rows, hidden ones too, and its own. */
const VERSIONS = `
  select toString(toUnixTimestamp64Milli(open_time)) as t, toString(max(version)) as newest,
         toString(maxIf(version, is_candle = 1)) as of_candle, max(${MAY_BE_ABOVE}) as above
  from (
    select open_time, version, 0 as is_candle from features
    where ${OF_FEATURE_SET} and ${OF_SERIES} and ${OF_TIMES}
    union all
    select open_time, version, 0 as is_candle from signals
    where ${OF_RULE_SET} and ${OF_SERIES} and ${OF_TIMES}
    union all
    select open_time, version, 1 as is_candle from candle_revisions
    where ${OF_SERIES} and ${OF_TIMES}
  )
  group by open_time`;
const VersionRow = Compile(
  Type.Object({
    t: Type.String(),
    newest: Type.String(),
    of_candle: Type.String(),
    above: Type.Integer(),
  }),
);

interface Versions {
  readonly version: bigint;
  readonly candleVersion: bigint;
  /** One of them may have been written behind the place of the replay. */
  readonly isAbove: boolean;
}

/**
 * @param lsn the place of the replay: what was written again behind it is let alone.
 * @returns candles whose rows were written.
 */
export async function applyRows(
  clickhouse: ClickHouseClient,
  producer: Producer,
  rows: readonly ReplayedRow[],
  lsn: bigint,
): Promise<number> {
  let count = 0;
  for (const batch of batchesOf(rows)) {
    const { series } = batch[0]!;
    const times = batch.map(({ openTime }) => openTime);
    const versions = await readVersions(clickhouse, { producer, series, lsn }, times);
    const output = new OutputRows(producer);
    let written = 0;
    for (const { openTime, evaluation } of batch) {
      const place = versions.get(openTime);
      if (place === undefined) throw new Error(`nothing is known of ${openTime} any more`);
      const { version } = place;
      if (place.isAbove) continue;
      written += 1;
      const candleVersion = evaluation === null ? version : place.candleVersion;
      output.addDerived(series, { openTime, candleVersion, version, evaluation });
    }
    if (written === 0) continue;
    const blocks = output.take();
    await insertNative(clickhouse, OUTPUTS.features, blocks.features);
    await insertNative(clickhouse, OUTPUTS.signals, blocks.signals);
    count += written;
  }
  return count;
}

async function readVersions(
  clickhouse: ClickHouseClient,
  { producer, series, lsn }: { producer: Producer; series: Series; lsn: bigint },
  times: readonly EpochMs[],
): Promise<ReadonlyMap<number, Versions>> {
  const rows = await readRows<unknown>(clickhouse, VERSIONS, {
    ...producer,
    ...series,
    times,
    lsn: String(lsn),
  });
  return new Map(
    rows.map((row) => {
      if (!VersionRow.Check(row)) throw new Error(`unexpected row: ${JSON.stringify(row)}`);
      const { t, newest, of_candle: ofCandle, above } = row;
      const candleVersion = BigInt(ofCandle);
      return [Number(t), { version: BigInt(newest), candleVersion, isAbove: above === 1 }] as const;
    }),
  );
}

/** Candles of one series each, once each, ROWS_AT_ONCE at most. */
function batchesOf(rows: readonly ReplayedRow[]): readonly (readonly ReplayedRow[])[] {
  const once = new Map(rows.map((row) => [`${seriesKey(row.series)} ${row.openTime}`, row]));
  const bySeries = Map.groupBy(once.values(), ({ series }) => seriesKey(series));
  return [...bySeries.values()].flatMap((ofSeries) =>
    Array.from({ length: Math.ceil(ofSeries.length / ROWS_AT_ONCE) }, (_, at) =>
      ofSeries.slice(at * ROWS_AT_ONCE, (at + 1) * ROWS_AT_ONCE),
    ),
  );
}

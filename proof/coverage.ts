/**
 * Whether what ClickHouse shows follows from its ledger. In: a barrier, whose features and signals. Out:
 * candles whose current row, features row or signal row is missing, made from another version, or there
 * without a candle. A candle that moved on behind the barrier is not judged where it does not fit: its
 * rows may be on their way one after the other.
 */
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { parseSeries } from '#core/series-list.ts';
import { epochMs } from '#core/time.ts';
import { readRows, type ClickHouseClient } from '#platform/clickhouse.ts';
import type { Producer } from '../analyzer/sink/tables.ts';
import { CLICKHOUSE_SERIES } from './candle-text.ts';
import { OF_FEATURE_SET, OF_RULE_SET } from './produced-by.ts';
import type { Damage } from './damage.ts';
import { SPILL } from './day-sums.ts';
import { findUnfollowedDays, ROW_HASH } from './followed-days.ts';
import { MAY_BE_ABOVE } from './place.ts';
import { inClickHouse, scopeOf, type Scope } from './scope.ts';

export interface Coverage {
  readonly rows: readonly Damage[];
  /** Candles that do not fit and moved on meanwhile. */
  readonly moving: readonly Pick<Damage, 'series' | 'openTime'>[];
  /** There are more than were asked for. */
  readonly isCut: boolean;
}

const KEY = 'exchange, market_type, symbol, interval, open_time';
const QUERY = (scope: string): string => `
  select ${CLICKHOUSE_SERIES} as series, toString(toUnixTimestamp64Milli(open_time)) as t, moved,
         is_there, candles, candles = 1 and (candle != known or candle_hash != known_hash) as candle_differs,
         features, features = 1 and feature != known as feature_differs,
         signals, signals = 1 and signal != known as signal_differs
  from (
    select ${KEY}, max(above) as moved,
           countIf(side = 1) > 0 and argMaxIf(gone, version, side = 1) = 0 as is_there,
           maxIf(version, side = 1) as known, argMaxIf(hash, version, side = 1) as known_hash,
           countIf(side = 2) as candles, maxIf(version, side = 2) as candle,
           maxIf(hash, side = 2) as candle_hash,
           countIf(side = 3) as features, maxIf(version, side = 3) as feature,
           countIf(side = 4) as signals, maxIf(version, side = 4) as signal
    from (
      select ${KEY}, version, ${MAY_BE_ABOVE} as above, 1 as side, is_deleted as gone,
             ${ROW_HASH} as hash
      from candle_revisions final where 1 ${scope}
      union all
      select ${KEY}, version, ${MAY_BE_ABOVE} as above, 2 as side, 0 as gone, ${ROW_HASH} as hash
      from candles final where 1 ${scope}
      union all
      select ${KEY}, version, ${MAY_BE_ABOVE} as above, 3 as side, 0 as gone, 0 as hash
      from (select ${KEY}, candle_version as version from features final
            where ${OF_FEATURE_SET} ${scope})
      union all
      select ${KEY}, version, ${MAY_BE_ABOVE} as above, 4 as side, 0 as gone, 0 as hash
      from (select ${KEY}, candle_version as version from signals final
            where ${OF_RULE_SET} ${scope})
    )
    group by ${KEY}
  )
  where if(is_there,
           candles != 1 or candle_differs or features != 1 or feature_differs
             or signals != 1 or signal_differs,
           candles + features + signals > 0)
  order by moved, ${KEY}
  limit {limit:UInt32}
  ${SPILL}`;

const Flag = Type.Integer();
const Count = Type.String();
const CoverageRow = Compile(
  Type.Object({
    series: Type.String(),
    t: Type.String(),
    moved: Flag,
    is_there: Flag,
    candles: Count,
    candle_differs: Flag,
    features: Count,
    feature_differs: Flag,
    signals: Count,
    signal_differs: Flag,
  }),
);

export async function readCoverage(
  clickhouse: ClickHouseClient,
  producer: Producer,
  scope: Scope,
  lsn: bigint,
  limit: number,
): Promise<Coverage> {
  const days = await findUnfollowedDays(clickhouse, producer, scope);
  if (days.length === 0) return { rows: [], moving: [], isCut: false };
  // The bounds that a user gave may cut a day.
  const { sql, parameters } = inClickHouse(within(scopeOf(days), scope));
  const answer = await readRows<unknown>(clickhouse, QUERY(sql), {
    ...parameters,
    ...producer,
    lsn: String(lsn),
    limit: limit + 1,
  });
  const rows: Damage[] = [];
  const moving: Pick<Damage, 'series' | 'openTime'>[] = [];
  for (const row of answer.slice(0, limit)) {
    if (!CoverageRow.Check(row)) throw new Error(`unexpected row: ${JSON.stringify(row)}`);
    const series = parseSeries(row.series);
    if (series === null) throw new Error(`ClickHouse names a series "${row.series}"`);
    const key = { series, openTime: epochMs(Number(row.t)) };
    const isThere = row.is_there === 1;
    const parts = [
      told('candle', 'candles', isThere, row.candles, row.candle_differs),
      told('features row', 'features', isThere, row.features, row.feature_differs),
      told('signal', 'signals', isThere, row.signals, row.signal_differs),
    ].filter((part) => part !== null);
    if (row.moved === 1) moving.push(key);
    else rows.push({ ...key, kind: 'derived', columns: [], what: parts.join(', ') });
  }
  return { rows, moving, isCut: answer.length > limit };
}

function within(inner: Scope, { from, to }: Scope): Scope {
  return {
    series: inner.series,
    from: from !== null && (inner.from === null || from > inner.from) ? from : inner.from,
    to: to !== null && (inner.to === null || to < inner.to) ? to : inner.to,
  };
}

function told(
  noun: string,
  table: string,
  isThere: boolean,
  count: string,
  differs: number,
): string | null {
  if (!isThere) return count === '0' ? null : `a ${noun} in ${table} without a candle`;
  if (count === '0') return `no ${noun} in ${table}`;
  if (count !== '1') return `${count} rows in ${table}`;
  return differs === 1 ? `the ${noun} in ${table} is of another version` : null;
}

/**
 * A first, cheap look at whether what ClickHouse shows follows from its ledger. In: what it is about,
 * whose features and signals. Out: the series and UTC days in which one of the three tables does not have
 * exactly the candles of the ledger, at their versions. Sums of hashes by day; no row is held against
 * another one.
 */
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { readRows, type ClickHouseClient } from '#platform/clickhouse.ts';
import type { Producer } from '../analyzer/sink/tables.ts';
import { CLICKHOUSE_SERIES } from './candle-text.ts';
import { OF_FEATURE_SET, OF_RULE_SET } from './produced-by.ts';
import { parseDay, type Day } from './day.ts';
import { SPILL } from './day-sums.ts';
import { inClickHouse, type Scope } from './scope.ts';

const SERIES = 'exchange, market_type, symbol, interval';
const KEY = `${SERIES}, open_time`;

/** Within one store any hash will do. No amount is below 0, so -1 stands for none. */
export const ROW_HASH = `cityHash64(open, high, low, close,
  ifNull(volume, toDecimal128(-1, 18)), ifNull(quote_volume, toDecimal128(-1, 18)),
  ifNull(trades, toInt64(-1)), ifNull(taker_buy_base, toDecimal128(-1, 18)),
  ifNull(taker_buy_quote, toDecimal128(-1, 18)), revision, observed_at, source)`;

/** @param rows in parentheses; they have the key, `place`, and `hash` or 0. */
const BY_DAY = (side: number, rows: string): string => `
  select ${SERIES}, toDate(open_time) as day, ${side} as side, count() as n,
         sum(cityHash64(open_time, place)) as places, sum(hash) as hashes
  from ${rows}
  group by ${SERIES}, day`;

const QUERY = (scope: string): string => `
  select concat(${CLICKHOUSE_SERIES}, ' ', toString(day)) as bucket
  from (
    ${BY_DAY(
      1,
      `(select ${KEY}, newest as place, hash from (
          select ${KEY}, max(version) as newest, argMax(row, version) as hash,
                 argMax(is_deleted, version) as gone
          from (select ${KEY}, version, is_deleted, ${ROW_HASH} as row
                from candle_revisions final where 1 ${scope})
          group by ${KEY}
        ) where gone = 0)`,
    )}
    union all
    ${BY_DAY(
      2,
      `(select ${KEY}, version as place, ${ROW_HASH} as hash from candles final where 1 ${scope})`,
    )}
    union all
    ${BY_DAY(
      3,
      `(select ${KEY}, candle_version as place, 0 as hash
        from features final where ${OF_FEATURE_SET} ${scope})`,
    )}
    union all
    ${BY_DAY(
      4,
      `(select ${KEY}, candle_version as place, 0 as hash
        from signals final where ${OF_RULE_SET} ${scope})`,
    )}
  )
  group by ${SERIES}, day
  having count() != 4 or min(n) != max(n) or min(places) != max(places)
    or minIf(hashes, side < 3) != maxIf(hashes, side < 3)
  ${SPILL}`;

const Row = Compile(Type.Object({ bucket: Type.String() }));

/** Changes that are on their way make a day differ too. */
export async function findUnfollowedDays(
  clickhouse: ClickHouseClient,
  producer: Producer,
  scope: Scope,
): Promise<readonly Day[]> {
  const { sql, parameters } = inClickHouse(scope);
  const rows = await readRows<unknown>(clickhouse, QUERY(sql), { ...parameters, ...producer });
  return rows.map((row) => {
    if (!Row.Check(row)) throw new Error(`unexpected row: ${JSON.stringify(row)}`);
    return parseDay(row.bucket);
  });
}

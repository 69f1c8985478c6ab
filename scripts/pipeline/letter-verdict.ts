/**
 * What a letter would come to if it went today. In: its record, and how far ClickHouse has each series. Out:
 * a verdict. A candle is passed over by the analyzer once something newer of its series was taken, since in
 * a topic that is a redelivery: sent again as it is it would do nothing, and nobody would say so.
 */
import { decodeCandleMessage, type Letter } from '../../connectors/index.ts';
import type { CandleChange } from '#core/contracts/candle-change.ts';
import type { ChangePlace } from '#core/contracts/change-place.ts';
import { CLICKHOUSE_TABLES } from '#core/contracts/names.ts';
import { readRows, type ClickHouseClient } from '#platform/clickhouse.ts';

export type Verdict =
  /** It can be read now, and nothing keeps it from being applied. */
  | { readonly kind: 'good' }
  /** It would be parked again. */
  | { readonly kind: 'bad'; readonly reason: string }
  /** It can be read, too late: its series went on. */
  | { readonly kind: 'overtaken'; readonly change: CandleChange };

export type Judge = (letter: Letter) => Promise<Verdict>;

/** Where their changes are kept, and where they come from. */
const LEDGERS = {
  gap: { table: CLICKHOUSE_TABLES.gapRevisions, source: 'market.gaps' },
  anchor: { table: CLICKHOUSE_TABLES.anchors, source: 'market.anchors' },
} as const;

/** Reads ClickHouse once for each series and table. */
export function createJudge(clickhouse: ClickHouseClient): Judge {
  const reached = new Map<string, Promise<bigint>>();
  return async ({ record }) => {
    const { partition, offset, value } = record;
    const decoded = decodeCandleMessage({ partition, offset, value });
    if (decoded.kind === 'undecodable') return { kind: 'bad', reason: decoded.reason };
    const isOvertaken = async (table: string, change: ChangePlace): Promise<boolean> => {
      const name = `${table} ${change.key}`;
      const known = reached.get(name) ?? newestVersion(clickhouse, table, change);
      reached.set(name, known);
      return change.version <= (await known);
    };
    if (decoded.kind === 'gap' || decoded.kind === 'anchor') {
      const { table, source } = LEDGERS[decoded.kind];
      if (!(await isOvertaken(table, decoded.change))) return { kind: 'good' };
      return {
        kind: 'bad',
        reason: `a later change of the ${decoded.kind}s of ${decoded.change.key} was taken, so the analyzer would pass over this one; send the table once more, in Postgres: insert into market.cdc_signal (id, type, data) values (gen_random_uuid()::text, 'execute-snapshot', '{"type":"incremental","data-collections":["${source}"]}')`,
      };
    }
    if (decoded.kind !== 'change' || decoded.change.values?.isClosed === false) {
      return { kind: 'good' };
    }
    const { change } = decoded;
    const isLate = await isOvertaken(CLICKHOUSE_TABLES.candleRevisions, change);
    return isLate ? { kind: 'overtaken', change } : { kind: 'good' };
  };
}

/** The newest change that ClickHouse has of a series; -1 for none. */
async function newestVersion(
  clickhouse: ClickHouseClient,
  table: string,
  { series }: ChangePlace,
): Promise<bigint> {
  const rows = await readRows<{ n: string; version: string }>(
    clickhouse,
    `select toString(count()) as n, toString(max(version)) as version
     from ${table}
     where exchange = {exchange:String} and market_type = {marketType:String}
       and symbol = {symbol:String} and interval = {interval:String}`,
    { ...series },
  );
  const [row] = rows;
  return row === undefined || row.n === '0' ? -1n : BigInt(row.version);
}

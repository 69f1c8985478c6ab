/**
 * The holes of a series that were known at a place in the WAL: see analyzer/holes.ts. In: Postgres in the
 * sight of a transaction, or the ledger in ClickHouse and an LSN. Out: the holes in order of time.
 */
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import type { Series } from '#core/candle.ts';
import { GAP_CAUSES } from '#core/gap.ts';
import { readRows, type ClickHouseClient } from '#platform/clickhouse.ts';
import type { PoolClient } from '#platform/postgres.ts';
import { holesOf, type Holes } from '../analyzer/holes.ts';
import { MAY_BE_ABOVE } from './place.ts';
import { OF_SERIES } from './stored-evaluations.ts';

const GapRow = Compile(
  Type.Object({
    f: Type.String(),
    t: Type.String(),
    cause: Type.Union(GAP_CAUSES.map((cause) => Type.Literal(cause))),
  }),
);

export async function holesInPostgres(
  client: PoolClient,
  { exchange, marketType, symbol, interval }: Series,
): Promise<Holes> {
  const { rows } = await client.query(
    `select floor(extract(epoch from gap_from) * 1000)::bigint::text as f,
            floor(extract(epoch from gap_to) * 1000)::bigint::text as t, cause::text as cause
     from market.gaps
     where exchange = $1::text and market_type = $2::text and symbol = $3::text
       and interval = $4::text
     order by gap_from`,
    [exchange, marketType, symbol, interval],
  );
  return holesOf(rows.map(gapOf));
}

export async function holesInLedger(
  clickhouse: ClickHouseClient,
  series: Series,
  lsn: bigint,
): Promise<Holes> {
  const rows = await readRows<unknown>(
    clickhouse,
    `select toString(toUnixTimestamp64Milli(gap_from)) as f,
            toString(toUnixTimestamp64Milli(argMax(gap_to, version))) as t,
            argMax(cause, version) as cause
     from gap_revisions where ${OF_SERIES} and not (${MAY_BE_ABOVE})
     group by gap_from
     having argMax(is_deleted, version) = 0
     order by gap_from`,
    { ...series, lsn: String(lsn) },
  );
  return holesOf(rows.map(gapOf));
}

function gapOf(row: unknown): { from: number; to: number; cause: (typeof GAP_CAUSES)[number] } {
  if (!GapRow.Check(row)) throw new Error(`unexpected row: ${JSON.stringify(row)}`);
  return { from: Number(row.f), to: Number(row.t), cause: row.cause };
}

/**
 * Whether most of a batch is stored already, by a sample of its keys. In: a batch. Out: a guess that
 * decides how it is written and never what is: a stage costs a kilobyte of WAL at each commit, so
 * candles that are merely read again go another way.
 */
import type { PoolClient } from '#platform/postgres.ts';
import { arraysSql, columnArrays, type LoadRow } from './candle-columns.ts';

const SAMPLED_ROWS = 16;
const COUNT = `
  select count(*)::integer as stored
  from ${arraysSql(1)} as s
  join market.candles as c using (exchange, market_type, symbol, interval, open_time)`;

export async function areMostlyStored(
  client: PoolClient,
  rows: readonly LoadRow[],
): Promise<boolean> {
  const step = Math.max(1, Math.floor(rows.length / SAMPLED_ROWS));
  const sample = rows.filter((_, index) => index % step === 0).slice(0, SAMPLED_ROWS);
  const result = await client.query<{ stored: number }>(COUNT, columnArrays(sample));
  return (result.rows[0]?.stored ?? 0) * 2 > sample.length;
}

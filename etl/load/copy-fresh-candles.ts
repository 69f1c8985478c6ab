/**
 * The shortest way in: COPY straight into market.candles, for a batch of one series where nothing is
 * stored yet. In: rows with unique keys, inside a transaction. Out: whether they went this way. A row
 * that another writer stores at the same moment fails it with a unique violation; then, and wherever
 * something is stored already, the stage and the merge decide row by row.
 */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { from as copyFrom } from 'pg-copy-streams';
import type { PoolClient } from '#platform/postgres.ts';
import { CANDLE_COLUMNS, openTimeBounds, type LoadRow } from './candle-columns.ts';
import { copyChunks } from './stage-candles.ts';

const COLUMNS = CANDLE_COLUMNS.map(({ name }) => name).join(', ');
const COPY = `copy market.candles (${COLUMNS}, ingest_run_id) from stdin`;
const IS_STORED = `
  select exists (
    select from market.candles
    where exchange = $1::text and market_type = $2::text and symbol = $3::text
      and interval = $4::text and open_time between $5::timestamptz and $6::timestamptz
  ) as is_stored`;

/** @returns false where nothing was written: rows of several series, or something is stored there. */
export async function copyFreshCandles(
  client: PoolClient,
  rows: readonly LoadRow[],
  ingestRunId: bigint | null,
): Promise<boolean> {
  const [first] = rows;
  if (first === undefined) return false;
  const { exchange, marketType, symbol, interval } = first.candle;
  const isOneSeries = rows.every(
    ({ candle }) =>
      candle.symbol === symbol &&
      candle.interval === interval &&
      candle.exchange === exchange &&
      candle.marketType === marketType,
  );
  if (!isOneSeries) return false;
  const series = [exchange, marketType, symbol, interval];
  const result = await client.query<{ is_stored: boolean }>(IS_STORED, [
    ...series,
    ...openTimeBounds(rows),
  ]);
  if (result.rows[0]?.is_stored !== false) return false;
  const end = `\t${ingestRunId === null ? '\\N' : ingestRunId}\n`;
  await pipeline(Readable.from(copyChunks(rows, end)), client.query(copyFrom(COPY)));
  return true;
}

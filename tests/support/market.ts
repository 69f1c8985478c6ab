/** Writes candles to Postgres the way the loader does. In: candles. Out: rows, committed. */
import type { Candle } from '#core/candle.ts';
import { inTransaction, type Pool, type PoolClient } from '#platform/postgres.ts';
import { ensureMonthPartitions } from '../../etl/load/ensure-partitions.ts';
import { upsertCandles } from '../../etl/load/upsert-candles.ts';

/** In one transaction. */
export async function storeCandles(pool: Pool, candles: readonly Candle[]): Promise<void> {
  await ensureMonths(pool, candles);
  await inTransaction(pool, (client) => writeCandles(client, candles));
}

/** Months are made before the transaction that needs them. */
export async function ensureMonths(pool: Pool, candles: readonly Candle[]): Promise<void> {
  await ensureMonthPartitions(
    pool,
    'candles',
    candles.map(({ openTime }) => openTime),
  );
}

/** In the caller's transaction. */
export async function writeCandles(client: PoolClient, candles: readonly Candle[]): Promise<void> {
  const rows = candles.map((candle) => ({ candle, rawId: null }));
  await upsertCandles(client, rows, { ingestRunId: 1n });
}

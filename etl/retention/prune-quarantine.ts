/**
 * Forgets refused rows that were settled long ago: their candle is stored. In: a moment. Out: how many
 * went. A row that still waits is never forgotten, however old it is.
 */
import type { EpochMs } from '#core/time.ts';
import type { Pool } from '#platform/postgres.ts';

/** Rows in one call; the next one goes on. */
const ROWS_MAX = 100_000;

const PRUNE = `
  delete from market.quarantine
  where id in (
    select id from market.quarantine where redriven_at < $1::timestamptz order by id limit $2::integer
  )`;

export async function pruneQuarantine(pool: Pool, settledBefore: EpochMs): Promise<number> {
  const result = await pool.query(PRUNE, [new Date(settledBefore).toISOString(), ROWS_MAX]);
  return result.rowCount ?? 0;
}

/**
 * Makes the months that a batch is about to be written to. In: open times or fetch times. Out:
 * partitions that exist. Runs in a transaction of its own, before the batch's: making a month takes
 * a lock on the parent that other makers wait for, and a batch must not hold it while it loads. When
 * the months are there it reads two catalogue rows and takes no lock. Nothing is remembered between
 * calls, because retention may drop a month at any time.
 */
import type { EpochMs } from '#core/time.ts';
import type { Pool } from '#platform/postgres.ts';

/** @returns how many months were made. */
export async function ensureMonthPartitions(
  pool: Pool,
  parent: 'candles' | 'raw_payloads',
  times: Iterable<EpochMs>,
): Promise<number> {
  const months = new Set<number>();
  for (const time of times) months.add(monthStart(time));
  if (months.size === 0) return 0;
  const result = await pool.query<{ made: number }>(
    'select market.ensure_month_partitions($1::text, $2::timestamptz[]) as made',
    [parent, [...months].map((month) => new Date(month).toISOString())],
  );
  return result.rows[0]?.made ?? 0;
}

function monthStart(time: EpochMs): number {
  const date = new Date(time);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1);
}

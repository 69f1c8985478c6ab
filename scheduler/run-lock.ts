/**
 * One runner at a time, across processes: a Postgres advisory lock held by a session of its own. When
 * the runner dies its session ends and the lock is free, so nobody has to clean up.
 */
import type { Pool } from '#platform/postgres.ts';

/**
 * Runs `work` if nobody else holds the lock.
 * @returns false when somebody does; then nothing was run.
 */
export async function withRunLock(
  pool: Pool,
  lock: number,
  work: () => Promise<void>,
): Promise<boolean> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    const result = await client.query<{ taken: boolean }>(
      'select pg_try_advisory_lock($1::bigint) as taken',
      [lock],
    );
    if (result.rows[0]?.taken !== true) return false;
    try {
      await work();
    } finally {
      await client.query('select pg_advisory_unlock($1::bigint)', [lock]).catch((error: Error) => {
        // The session goes back to no one: closing it frees the lock.
        broken = error;
      });
    }
    return true;
  } finally {
    client.release(broken);
  }
}

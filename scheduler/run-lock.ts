/**
 * One runner at a time, across processes: a Postgres advisory lock held by a session of its own. When
 * the runner dies its session ends and the lock is free, so nobody has to clean up.
 */
import type { Pool } from '#platform/postgres.ts';

/** A number of ADVISORY_LOCKS and what exactly is locked, for example the name of a job. */
export interface RunLock {
  readonly kind: number;
  /** Names are hashed to 32 bits: two that meet there only keep each other waiting. */
  readonly name: string;
}

/**
 * Runs `work` if nobody else holds the lock.
 * @returns false when somebody does; then nothing was run.
 */
export async function withRunLock(
  pool: Pool,
  { kind, name }: RunLock,
  work: () => Promise<void>,
): Promise<boolean> {
  // Not one of the pool's: the work needs those, and enough locks would leave it none.
  const session = await pool.openSession();
  try {
    const result = await session.query<{ taken: boolean }>(
      'select pg_try_advisory_lock($1::integer, hashtext($2::text)) as taken',
      [kind, name],
    );
    if (result.rows[0]?.taken !== true) return false;
    try {
      await work();
    } finally {
      // At once: a session that only goes away is noticed a little later. A lost one has no lock.
      await session
        .query('select pg_advisory_unlock($1::integer, hashtext($2::text))', [kind, name])
        .catch(() => undefined);
    }
    return true;
  } finally {
    await session.close();
  }
}

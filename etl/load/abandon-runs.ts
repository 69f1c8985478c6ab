/**
 * Closes what dead processes left open, in two ways. Out: how many runs were closed as failed.
 *
 * By job: only the holder of the job's lock may call it, since it alone knows that no other runner is
 * at that job. By worker: anybody may, since a process holds the lock of its worker's name as long as
 * it lives (run-worker.ts), and the lock is taken here before its runs are closed. A runner that lives
 * all the same is fenced off: its next batch is refused.
 */
import { ADVISORY_LOCKS } from '#core/contracts/names.ts';
import type { Pool } from '#platform/postgres.ts';

const ABANDON = `
  update market.ingest_runs set
    state = 'failed',
    error = 'abandoned: the process that ran it has ended',
    finished_at = clock_timestamp()
  where job = $1::text and state = 'running'`;

export async function abandonRuns(pool: Pool, job: string): Promise<number> {
  const result = await pool.query(ABANDON, [job]);
  return result.rowCount ?? 0;
}

/** Workers in one call; what is left is for the next one. */
const WORKERS_MAX = 1_000;

/**
 * The locks are held until the statement's end. A name is never used again and its runs are opened by
 * its holder alone, so none can be added to those that are seen here.
 */
const ABANDON_DEAD = `
  with dead as materialized (
    select open.worker
    from (
      select distinct worker from market.ingest_runs
      where state = 'running' and worker is not null
      limit $2::integer
    ) as open
    where pg_try_advisory_xact_lock($1::integer, hashtext(open.worker))
  )
  update market.ingest_runs as r set
    state = 'failed',
    error = 'abandoned: the process that ran it has ended',
    finished_at = clock_timestamp()
  from dead
  where r.worker = dead.worker and r.state = 'running'`;

/** Never on the session of a worker: to that one its own lock is free. */
export async function abandonDeadRuns(pool: Pool): Promise<number> {
  const result = await pool.query(ABANDON_DEAD, [ADVISORY_LOCKS.worker, WORKERS_MAX]);
  return result.rowCount ?? 0;
}

/**
 * Closes what dead processes left open. In: a job's name. Out: how many runs were closed as failed.
 * Only the holder of the job's lock may call it: it alone knows that no other runner lives. A runner
 * that lives all the same is fenced off: its next batch is refused.
 */
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

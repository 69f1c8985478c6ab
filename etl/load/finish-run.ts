/** Closes the record of a run: `done`, or `failed` with what went wrong. A closed one is left alone. */
import type { Pool } from '#platform/postgres.ts';

const FINISH = `
  update market.ingest_runs set
    state = case when $2::text is null then 'done' else 'failed' end,
    error = $2::text,
    finished_at = clock_timestamp()
  where id = $1::bigint and state = 'running'`;

/** @param error text of the failure; null when the run is done. */
export async function finishRun(pool: Pool, runId: bigint, error: string | null): Promise<void> {
  await pool.query(FINISH, [runId, error]);
}

/**
 * Forgets records of runs that nothing needs any more. In: how old they must be. Out: how many went. A
 * run that wrote nothing is named by no candle, payment or refused row. One that wrote goes only when
 * the payloads of its time were dropped by retention: then the lineage of its rows has ended anyway.
 * Whatever its age, a run stays while a refused row, a gap or a chunk of a backfill names it, and the
 * newest one and the one with the highest watermark of each series and kind of job stay: they say what
 * is collected, and how far. So do those that asked for the earliest and the latest candle of a series:
 * they say where its gaps are looked for.
 */
import type { EpochMs } from '#core/time.ts';
import type { Pool } from '#platform/postgres.ts';

export interface PruneRuns {
  /** Runs that ended before it may go. */
  readonly before: EpochMs;
  /** Those that wrote rows, only if they ended before this; null keeps them. */
  readonly writtenBefore: EpochMs | null;
  readonly signal: AbortSignal;
}

/** Runs in one statement, so that its locks are short. */
const BATCH_RUNS = 5_000;
/** In one call; the next one goes on. */
const BATCHES_MAX = 200;

const NEEDED = `
  (select max(id) as id from market.ingest_runs
   group by exchange, market_type, symbol, interval, split_part(job, ':', 1))
  union
  (select distinct on (exchange, market_type, symbol, interval, split_part(job, ':', 1)) id
   from market.ingest_runs
   where watermark is not null
   order by exchange, market_type, symbol, interval, split_part(job, ':', 1), watermark desc, id desc)
  union
  (select distinct on (exchange, market_type, symbol, interval) id
   from market.ingest_runs
   order by exchange, market_type, symbol, interval, range_from, id)
  union
  (select distinct on (exchange, market_type, symbol, interval) id
   from market.ingest_runs
   order by exchange, market_type, symbol, interval, range_to desc, id)`;

const PRUNE = `
  with old as (
    select r.id
    from market.ingest_runs as r
    where r.id > $1::bigint
      and r.state <> 'running' and r.finished_at < $2::timestamptz
      and (
        r.inserted + r.revised + r.closed + r.updated_open + r.quarantined = 0
        or (r.raw > 0 and r.finished_at < $3::timestamptz)
      )
      and not exists (select from unnest($4::bigint[]) as needed (id) where needed.id = r.id)
      and not exists (select from market.quarantine as q where q.ingest_run_id = r.id)
      and not exists (select from market.gaps as g where g.last_run_id = r.id)
      and not exists (select from market.backfill_chunks as b where b.ingest_run_id = r.id)
    order by r.id
    limit $5::integer
  )
  delete from market.ingest_runs as r using old where r.id = old.id
  returning r.id`;

export async function pruneRuns(pool: Pool, options: PruneRuns): Promise<number> {
  const { before, writtenBefore, signal } = options;
  const needed = await pool.query<{ id: string }>(NEEDED);
  const ids = needed.rows.map(({ id }) => id);
  const cutoff = new Date(before).toISOString();
  const written = writtenBefore === null ? null : new Date(writtenBefore).toISOString();
  let last = 0n;
  let pruned = 0;
  for (let batch = 0; batch < BATCHES_MAX && !signal.aborted; batch += 1) {
    const { rows } = await pool.query<{ id: string }>(PRUNE, [
      last,
      cutoff,
      written,
      ids,
      BATCH_RUNS,
    ]);
    pruned += rows.length;
    if (rows.length < BATCH_RUNS) break;
    for (const { id } of rows) if (BigInt(id) > last) last = BigInt(id);
  }
  return pruned;
}

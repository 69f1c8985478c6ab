/**
 * What Postgres knows of jobs: when each is due, and what its runs did. In: a pool. Out: states and
 * records. Only the holder of a job's lock may begin or finish an attempt; a runner that lost its
 * lock finds its record closed by the next one, and its end changes nothing.
 */
import type { EpochMs } from '#core/time.ts';
import type { Pool } from '#platform/postgres.ts';
import type { Job, JobOutcome } from './job.ts';

export interface JobState {
  readonly name: string;
  readonly state: 'idle' | 'running' | 'retrying';
  /** Null while it waits for the jobs before it. */
  readonly nextAt: EpochMs | null;
  readonly attempt: number;
  readonly roundAt: EpochMs | null;
  readonly succeededAt: EpochMs | null;
  /** Of the last attempt; null when it was done. */
  readonly error: string | null;
}

export interface JobAttempt {
  readonly runId: bigint;
  readonly job: Job;
  readonly dueAt: EpochMs;
  /** From 1. */
  readonly attempt: number;
}

/** What came of an attempt, and what is planned after it. */
export interface AttemptEnd {
  readonly outcome: JobOutcome | null;
  /** Null when it was done. */
  readonly error: string | null;
  readonly nextAt: EpochMs | null;
  /** Whether `nextAt` is another attempt of the same round. */
  readonly again: boolean;
}

const DECLARE = `
  insert into market.jobs (name, kind, timing, next_at)
  values ($1::text, $2::text, $3::text, $4::timestamptz)
  on conflict (name) do update set
    kind = excluded.kind,
    timing = excluded.timing,
    next_at = excluded.next_at,
    state = case when jobs.state = 'running' then 'running' else 'idle' end
  where jobs.timing <> excluded.timing or jobs.kind <> excluded.kind or $5::boolean`;

/** Makes a job known. One that is known keeps its plan, unless its times changed or `replan` is true. */
export async function declareJob(
  pool: Pool,
  job: Job,
  timing: string,
  nextAt: EpochMs | null,
  replan: boolean,
): Promise<void> {
  await pool.query(DECLARE, [job.name, job.kind, timing, isoOrNull(nextAt), replan]);
}

const READ = `
  select name, state, next_at, attempt, round_at, succeeded_at, error
  from market.jobs
  where name = any ($1::text[])`;

export async function readJobStates(
  pool: Pool,
  names: readonly string[],
): Promise<ReadonlyMap<string, JobState>> {
  const { rows } = await pool.query<{
    name: string;
    state: JobState['state'];
    next_at: EpochMs | null;
    attempt: number;
    round_at: EpochMs | null;
    succeeded_at: EpochMs | null;
    error: string | null;
  }>(READ, [names]);
  const states = rows.map(
    ({ name, state, next_at, attempt, round_at, succeeded_at, error }): [string, JobState] => [
      name,
      {
        name,
        state,
        nextAt: next_at,
        attempt,
        roundAt: round_at,
        succeededAt: succeeded_at,
        error,
      },
    ],
  );
  return new Map(states);
}

const ABANDON = `
  update market.job_runs set
    state = 'failed',
    error = 'abandoned: the scheduler that ran it has ended',
    finished_at = clock_timestamp()
  where job = $1::text and state = 'running'
  returning due_at`;

/** Closes what a dead scheduler left open. @returns the moment its round was due; null for nothing. */
export async function abandonJobRun(pool: Pool, name: string): Promise<EpochMs | null> {
  const { rows } = await pool.query<{ due_at: EpochMs }>(ABANDON, [name]);
  return rows[0]?.due_at ?? null;
}

const BEGIN = `
  with run as (
    insert into market.job_runs (job, kind, due_at, attempt, worker)
    values ($1::text, $2::text, $3::timestamptz, $4::integer, $5::text)
    returning id, started_at
  ), begun as (
    update market.jobs set
      state = 'running',
      attempt = $4::integer,
      round_at = case when $4::integer = 1 then (select started_at from run) else round_at end
    where name = $1::text
  )
  select id from run`;

export async function beginAttempt(
  pool: Pool,
  { job, dueAt, attempt }: Omit<JobAttempt, 'runId'>,
  worker: string,
): Promise<JobAttempt> {
  const due = new Date(dueAt).toISOString();
  const { rows } = await pool.query<{ id: string }>(BEGIN, [
    job.name,
    job.kind,
    due,
    attempt,
    worker,
  ]);
  const id = rows[0]?.id;
  if (id === undefined) throw new Error('the run of a job was given no id');
  return { runId: BigInt(id), job, dueAt, attempt };
}

const FINISH = `
  with run as (
    update market.job_runs set
      state = case when $2::text is null then 'done' else 'failed' end,
      error = $2::text,
      wrote = $3::bigint,
      report = $4::jsonb,
      next_at = $5::timestamptz,
      finished_at = clock_timestamp()
    where id = $1::bigint and state = 'running'
    returning job, finished_at
  )
  update market.jobs set
    state = case when $6::boolean then 'retrying' else 'idle' end,
    next_at = $5::timestamptz,
    error = $2::text,
    succeeded_at = case when $2::text is null then run.finished_at else succeeded_at end
  from run
  where jobs.name = run.job`;

/** @returns false when another scheduler had taken the job over. */
export async function finishAttempt(
  pool: Pool,
  { runId }: JobAttempt,
  { outcome, error, nextAt, again }: AttemptEnd,
): Promise<boolean> {
  const result = await pool.query(FINISH, [
    runId,
    error,
    outcome?.wrote ?? 0,
    outcome === null ? null : JSON.stringify(outcome.report),
    isoOrNull(nextAt),
    again,
  ]);
  return result.rowCount === 1;
}

const GIVE_UP = `
  update market.jobs set
    state = 'idle',
    next_at = $2::timestamptz,
    error = 'given up: each scheduler that ran it has ended'
  where name = $1::text`;

/** Leaves a round that no scheduler survived. */
export async function giveUpRound(pool: Pool, name: string, nextAt: EpochMs | null): Promise<void> {
  await pool.query(GIVE_UP, [name, isoOrNull(nextAt)]);
}

const PRUNE = `
  delete from market.job_runs
  where job = $1::text and state = 'done' and wrote = 0
    and id < (
      select id from market.job_runs
      where job = $1::text
      order by id desc
      offset $2::integer limit 1
    )`;

/** Forgets runs that did nothing, but for the newest ones. */
export async function pruneQuietRuns(pool: Pool, name: string, keep: number): Promise<void> {
  await pool.query(PRUNE, [name, keep]);
}

/** Job runs in one call; the next one goes on. */
const JOB_RUNS_MAX = 100_000;

const PRUNE_OLD = `
  delete from market.job_runs
  where id in (
    select r.id from market.job_runs as r
    where r.state <> 'running' and r.finished_at < $1::timestamptz
      and exists (select from market.job_runs as n where n.job = r.job and n.id > r.id)
    order by r.id
    limit $2::integer
  )`;

/** Forgets attempts that ended before a moment, but for the newest of each job. */
export async function pruneJobRuns(pool: Pool, before: EpochMs): Promise<number> {
  const result = await pool.query(PRUNE_OLD, [new Date(before).toISOString(), JOB_RUNS_MAX]);
  return result.rowCount ?? 0;
}

function isoOrNull(time: EpochMs | null): string | null {
  return time === null ? null : new Date(time).toISOString();
}

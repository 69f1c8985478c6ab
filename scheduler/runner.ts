/**
 * Runs the jobs that are due, one at a time each, across all schedulers. In: jobs, their work, the
 * state in Postgres. Out: runs and their records. Whoever holds a job's lock works; when it dies its
 * lock is free, and another one closes its record and goes on with the same round. The loop ends with
 * its signal, after the work in hand.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { ADVISORY_LOCKS } from '#core/contracts/names.ts';
import { errorText } from '#core/errors.ts';
import { epochMs, type Clock, type EpochMs } from '#core/time.ts';
import type { Logger } from '#platform/logger.ts';
import type { Pool } from '#platform/postgres.ts';
import {
  abandonJobRun,
  beginAttempt,
  declareJob,
  finishAttempt,
  giveUpRound,
  pruneQuietRuns,
  readJobStates,
  type JobAttempt,
  type JobState,
} from './job-state.ts';
import type { Job, JobOutcome, Work } from './job.ts';
import { withRunLock } from './run-lock.ts';

export interface RunnerOptions {
  readonly pool: Pool;
  readonly jobs: readonly { readonly job: Job; readonly work: Work }[];
  /** host:pid, for the records. */
  readonly worker: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Told of each attempt that ended. */
  readonly onEnd?: ((end: JobEnd) => void) | undefined;
}

export interface JobEnd {
  readonly job: Job;
  readonly state: 'done' | 'failed';
  readonly outcome: JobOutcome | null;
  readonly ms: number;
}

export interface Runner {
  /** Works until the signal; rejects only on a bug. */
  run(): Promise<void>;
  /** False while the last attempt of a job has failed, and until one that runs at each start was done. */
  isHealthy(name: string): boolean;
}

/** At least this often the state is looked at: what others did, and whether one of them died. */
const LOOK_MS_MAX = 1_000;
const LOOK_MS_MIN = 20;
const JOBS_AT_ONCE = 8;
const RETRY_MS_MAX = 300_000;
/** Runs of a job that did nothing are kept for this many runs. */
const QUIET_RUNS_KEPT = 200;
/** A prime, so that jobs which take turns all meet it. */
const PRUNE_EVERY = 97n;
/** Times that a job is taken over from a scheduler that died with it, beyond its retries. */
const TAKEOVERS_MAX = 3;
const ERROR_CHARACTERS_MAX = 2_000;

export function createRunner(options: RunnerOptions): Runner {
  const { pool, clock, logger, signal } = options;
  const names = options.jobs.map(({ job }) => job.name);
  /** A scheduler is of use once these were done; others may take hours, or not be due for days. */
  const needed = new Set(options.jobs.filter(({ job }) => job.atStart).map(({ job }) => job.name));
  const running = new Map<string, Promise<void>>();
  let states: ReadonlyMap<string, JobState> = new Map();
  let declared = false;
  let isAway = false;
  let wake = Promise.withResolvers<void>();

  const look = async (): Promise<void> => {
    try {
      if (!declared) await declareAll(options);
      declared = true;
      states = await readJobStates(pool, names);
      isAway = false;
    } catch (error) {
      if (!isAway) logger.warn({ err: errorText(error) }, 'jobs wait: their state cannot be read');
      isAway = true;
    }
  };
  const start = (job: Job, work: Work): void => {
    running.set(job.name, runToEnd(job, work));
  };
  const runToEnd = async (job: Job, work: Work): Promise<void> => {
    let worked = false;
    try {
      worked = await attemptOnce(options, job, work);
    } catch (error) {
      if (!signal.aborted) logger.warn({ job: job.name, err: errorText(error) }, 'job did not run');
    }
    running.delete(job.name);
    // Others may follow it. One that is run elsewhere is looked at again in a while.
    if (worked) wake.resolve();
  };
  const startDue = (): void => {
    for (const { job, work } of options.jobs) {
      if (running.size >= JOBS_AT_ONCE) return;
      if (running.has(job.name)) continue;
      if (dueAt(job, states, clock.now()) !== null) start(job, work);
    }
  };
  const pause = async (): Promise<void> => {
    const now = clock.now();
    const next = [...states.values()].flatMap(({ name, nextAt }) =>
      nextAt === null || nextAt <= now || running.has(name) ? [] : [nextAt - now],
    );
    const ms = Math.max(LOOK_MS_MIN, Math.min(LOOK_MS_MAX, ...next));
    const stop = new AbortController();
    const either = AbortSignal.any([signal, stop.signal]);
    await Promise.race([wake.promise, wait(ms, undefined, { signal: either }).catch(() => null)]);
    stop.abort();
    wake = Promise.withResolvers<void>();
  };

  return {
    run: async () => {
      while (!signal.aborted) {
        await look();
        if (!isAway && !signal.aborted) startDue();
        await pause();
      }
      await Promise.all(running.values());
    },
    isHealthy: (name) => {
      const state = states.get(name);
      if (state === undefined || isAway || state.error !== null) return false;
      return state.succeededAt !== null || !needed.has(name);
    },
  };
}

async function declareAll({ pool, jobs, clock }: RunnerOptions): Promise<void> {
  const now = clock.now();
  for (const { job } of jobs) {
    const timing = job.timing?.text ?? `after ${job.after.join(', ')}`;
    const next = job.atStart ? now : (job.timing?.next(now) ?? null);
    await declareJob(pool, job, timing, next, job.atStart);
  }
}

/** The moment of the round that a job is due for; null while it is not. */
function dueAt(job: Job, states: ReadonlyMap<string, JobState>, now: EpochMs): EpochMs | null {
  const state = states.get(job.name);
  if (state === undefined) return null;
  // Its runner may have died: whoever gets its lock finds out.
  if (state.state === 'running') return state.nextAt ?? now;
  if (state.nextAt !== null) return state.nextAt <= now ? state.nextAt : null;
  let latest: EpochMs | null = null;
  for (const name of job.after) {
    const succeededAt = states.get(name)?.succeededAt ?? null;
    if (succeededAt === null || succeededAt <= (state.roundAt ?? 0)) return null;
    if (latest === null || succeededAt > latest) latest = succeededAt;
  }
  return latest;
}

/**
 * Takes the job's lock, looks again, and works if there still is something to do.
 * @returns whether it worked.
 */
async function attemptOnce(options: RunnerOptions, job: Job, work: Work): Promise<boolean> {
  const { pool, clock, logger } = options;
  let worked = false;
  await withRunLock(pool, { kind: ADVISORY_LOCKS.job, name: job.name }, async () => {
    const states = await readJobStates(pool, [job.name, ...job.after]);
    const state = states.get(job.name);
    const abandoned = await abandonJobRun(pool, job.name);
    const now = clock.now();
    const due = abandoned ?? dueAt(job, states, now);
    if (state === undefined || due === null) return;
    if (abandoned !== null && state.attempt > job.retries + TAKEOVERS_MAX) {
      logger.warn({ job: job.name, attempt: state.attempt }, 'job ends its scheduler; given up');
      await giveUpRound(pool, job.name, job.timing?.next(now) ?? null);
      return;
    }
    if (abandoned !== null) logger.info({ job: job.name }, 'taking over from a dead scheduler');
    const attempt = state.state === 'idle' ? 1 : state.attempt + 1;
    const begun = await beginAttempt(pool, { job, dueAt: due, attempt }, options.worker);
    worked = true;
    await carryOut(options, begun, work);
  });
  return worked;
}

async function carryOut(options: RunnerOptions, begun: JobAttempt, work: Work): Promise<void> {
  const { pool, clock, logger, signal } = options;
  const { job, attempt, dueAt: due } = begun;
  const began = clock.now();
  const { outcome, error } = await tryWork(work, job, signal);
  const end = planAfter(begun, error, signal.aborted, clock.now());
  const isOurs = await finishAttempt(pool, begun, { outcome, error, ...end });
  if (!isOurs) {
    logger.warn({ job: job.name }, 'another scheduler took this job over while it ran');
    return;
  }
  const ms = clock.now() - began;
  options.onEnd?.({ job, state: error === null ? 'done' : 'failed', outcome, ms });
  if (error !== null && !signal.aborted) {
    logger.warn({ job: job.name, attempt, due, again: end.again, err: error }, 'job failed');
  }
  if (begun.runId % PRUNE_EVERY === 0n) await pruneQuietRuns(pool, job.name, QUIET_RUNS_KEPT);
}

interface Tried {
  readonly outcome: JobOutcome | null;
  readonly error: string | null;
}

async function tryWork(work: Work, job: Job, signal: AbortSignal): Promise<Tried> {
  const timeout = AbortSignal.timeout(job.timeoutMs);
  try {
    const outcome = await work(AbortSignal.any([signal, timeout]));
    const failed = outcome.failures.join('; ').slice(0, ERROR_CHARACTERS_MAX);
    if (failed !== '') return { outcome, error: failed };
    if (signal.aborted) return { outcome, error: STOPPED };
    return { outcome, error: timeout.aborted ? tooLong(job) : null };
  } catch (error) {
    if (signal.aborted) return { outcome: null, error: STOPPED };
    const text = timeout.aborted ? tooLong(job) : errorText(error);
    return { outcome: null, error: text.slice(0, ERROR_CHARACTERS_MAX) };
  }
}

const STOPPED = 'stopped: the scheduler was asked to end';

function tooLong({ timeoutMs }: Job): string {
  return `ended after ${timeoutMs} ms, its timeoutMs`;
}

/** The next attempt, or the next round. */
function planAfter(
  { job, attempt }: JobAttempt,
  error: string | null,
  isStopped: boolean,
  now: EpochMs,
): { readonly nextAt: EpochMs | null; readonly again: boolean } {
  const next = job.timing?.next(now) ?? null;
  // Whoever runs next goes on at once.
  if (error !== null && isStopped) return { nextAt: now, again: true };
  if (error === null || attempt > job.retries) return { nextAt: next, again: false };
  const retryAt = epochMs(now + Math.min(RETRY_MS_MAX, job.retryMs * 2 ** (attempt - 1)));
  if (next !== null && next <= retryAt) return { nextAt: next, again: false };
  return { nextAt: retryAt, again: true };
}

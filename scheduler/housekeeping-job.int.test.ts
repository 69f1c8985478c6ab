/** Jobs of kind housekeeping on a real Postgres: what they close and forget, and what they refuse. */
import { beforeEach, expect, test } from 'vitest';
import { epochMs, parseInstant } from '#core/time.ts';
import { createManualClock } from '#platform/clock.ts';
import { loadConfig } from '#platform/config.ts';
import { createPostgresPool } from '#platform/postgres.ts';
import { startRun } from '../etl/load/start-run.ts';
import { TEST_OPEN_TIME, TEST_SERIES } from '../tests/support/candles.ts';
import { usePostgres } from '../tests/support/postgres.ts';
import { recordLogger } from '../tests/support/recorded-logger.ts';
import { housekeepingKind } from './housekeeping-job.ts';
import type { Job, JobServices } from './job.ts';
import { createVenues } from './venues.ts';
import { Watermarks } from './watermarks.ts';

const database = usePostgres();
const NOW = parseInstant('2026-06-15T12:00:00Z');
const JOB: Job = {
  name: 'housekeeping',
  kind: 'housekeeping',
  timing: null,
  atStart: true,
  after: [],
  retries: 0,
  retryMs: 100,
  timeoutMs: 60_000,
  series: [],
  stored: false,
  select: null,
  exchanges: [],
  usedVenues: false,
  historyDays: null,
};

beforeEach(async () => {
  await database.pool.query('truncate market.ingest_runs, market.quarantine, market.job_runs');
});

function servicesWith(env: Readonly<Record<string, string>> = {}): JobServices {
  const secrets = ['DB_PASSWORD', 'CDC_PASSWORD', 'CLICKHOUSE_PASSWORD', 'REDIS_PASSWORD'];
  const config = loadConfig({
    env: { ...Object.fromEntries(secrets.map((name) => [name, 'unused'])), ...env },
  });
  const clock = createManualClock(NOW);
  const { logger } = recordLogger();
  const redis = {
    get: () => Promise.resolve(null),
    set: () => Promise.resolve(null),
    del: () => Promise.resolve(0),
  };
  return {
    config,
    pool: database.pool,
    venues: createVenues({ config, clock }),
    watermarks: new Watermarks(database.pool, redis, logger),
    clock,
    logger,
  };
}

const work = (env?: Readonly<Record<string, string>>) =>
  housekeepingKind.prepare(JOB, servicesWith(env))(new AbortController().signal);

test('runs of processes that have ended are closed', async () => {
  const ended = createPostgresPool(database.options);
  const range = { from: TEST_OPEN_TIME, to: epochMs(TEST_OPEN_TIME + 60_000) };
  await startRun(ended, { job: 'redrive', series: TEST_SERIES, ...range });
  await ended.end();
  const reports: unknown[] = [];
  await expect
    .poll(async () => {
      const outcome = await work();
      reports.push(outcome.report);
      return outcome.wrote;
    })
    .toBe(1);
  expect(reports.at(-1)).toEqual({
    abandoned: 1,
    rawMonths: [],
    quarantine: 0,
    runs: 0,
    jobRuns: 0,
  });
});

test('attempts at jobs go after 90 days, or as long as is said; the last of each job stays', async () => {
  await database.pool.query(
    `insert into market.job_runs (job, kind, due_at, attempt, worker, state, finished_at)
     select job, 'collect', t, 1, 'test:1', 'done', t
     from unnest(array['a', 'b']) as job,
       unnest(array[$1::timestamptz - interval '100 days', $1::timestamptz - interval '91 days',
         $1::timestamptz - interval '89 days']) as t
     where job = 'a' or t < $1::timestamptz - interval '90 days'
     order by t`,
    [new Date(NOW).toISOString()],
  );
  expect((await work({ RETAIN_JOB_RUNS_DAYS: '0' })).report).toMatchObject({ jobRuns: 0 });
  expect((await work()).report).toMatchObject({ jobRuns: 3 });
  const { rows } = await database.pool.query<{ job: string }>(
    'select job from market.job_runs order by job',
  );
  expect(rows.map(({ job }) => job)).toEqual(['a', 'b']);
});

test('fewer days of raw payloads than candles lean on them are refused before anything runs', () => {
  expect(() => housekeepingKind.prepare(JOB, servicesWith({ RETAIN_RAW_DAYS: '34' }))).toThrow(
    'RETAIN_RAW_DAYS is "34": give 0 to keep all raw payloads, or at least 35',
  );
});

/** Jobs and their state on a real Postgres: rounds, attempts, order, and what is recorded of them. */
import { afterEach, expect, test } from 'vitest';
import { epochMs } from '#core/time.ts';
import { systemClock } from '#platform/clock.ts';
import { usePostgres } from '../tests/support/postgres.ts';
import { recordLogger } from '../tests/support/recorded-logger.ts';
import type { Job, JobOutcome, Work } from './job.ts';
import { createRunner, type Runner } from './runner.ts';
import type { Timing } from './timing.ts';

const database = usePostgres();
const POLL = { timeout: 20_000, interval: 20 };
const NOTHING: JobOutcome = { wrote: 0, failures: [], report: {} };
const NEVER: Timing = { text: 'never', next: (after) => epochMs(after + 3_600_000) };
const started: { abort: AbortController; ended: Promise<void> }[] = [];

afterEach(async () => {
  await endAll();
  await database.pool.query('truncate market.jobs, market.job_runs');
});

async function endAll(): Promise<void> {
  const ending = started.splice(0);
  for (const { abort } of ending) abort.abort();
  await Promise.all(ending.map(({ ended }) => ended));
}

/** Due once, when the first scheduler starts. */
function job(name: string, changes: Partial<Job> = {}): Job {
  return {
    name,
    kind: 'test',
    timing: NEVER,
    atStart: true,
    after: [],
    retries: 0,
    retryMs: 100,
    timeoutMs: 10_000,
    series: [],
    stored: false,
    select: null,
    exchanges: [],
    usedVenues: false,
    historyDays: null,
    ...changes,
  };
}

const follower = (name: string, ...after: string[]): Job =>
  job(name, { timing: null, atStart: false, after });

function start(
  works: readonly (readonly [Job, Work])[],
  worker = 'first',
): { readonly runner: Runner; readonly lines: unknown[] } {
  const abort = new AbortController();
  const { logger, lines } = recordLogger();
  const runner = createRunner({
    pool: database.createPool(),
    jobs: works.map(([each, work]) => ({ job: each, work })),
    worker,
    clock: systemClock,
    logger,
    signal: abort.signal,
  });
  started.push({ abort, ended: runner.run() });
  return { runner, lines };
}

/** Name, attempt, state, rows and error of each run, oldest first. */
async function runs(): Promise<string[]> {
  const { rows } = await database.pool.query<{ text: string }>(
    `select concat_ws(' ', job, attempt, state, wrote, error) as text
     from market.job_runs order by id`,
  );
  return rows.map(({ text }) => text);
}

test('a job that is due runs once, and what it did is recorded', async () => {
  let calls = 0;
  const { runner } = start([
    [
      job('a'),
      async () => {
        calls += 1;
        return { wrote: 7, failures: [], report: { seen: 9 } };
      },
    ],
  ]);
  expect(runner.isHealthy('a')).toBe(false);
  await expect.poll(runs, POLL).toEqual(['a 1 done 7']);
  await expect.poll(() => runner.isHealthy('a'), POLL).toBe(true);
  const { rows } = await database.pool.query(
    'select worker, report, next_at > finished_at as planned from market.job_runs',
  );
  expect(rows).toEqual([{ worker: 'first', report: { seen: 9 }, planned: true }]);
  expect(calls).toBe(1);
});

test('of several schedulers one works, and each round is run once', async () => {
  const timing = { text: 'often', next: (after: number) => epochMs(after + 50) };
  const each = job('a', { atStart: false, timing });
  let working = 0;
  let most = 0;
  const work: Work = async () => {
    working += 1;
    most = Math.max(most, working);
    await database.pool.query('select pg_sleep(0.02)');
    working -= 1;
    return NOTHING;
  };
  for (const worker of ['first', 'second', 'third']) start([[each, work]], worker);
  await expect.poll(async () => (await runs()).length, POLL).toBeGreaterThan(20);
  await endAll();
  const { rows } = await database.pool.query(
    'select due_at from market.job_runs group by due_at having count(*) > 1',
  );
  expect([most, rows]).toEqual([1, []]);
});

test('a job that fails is tried again with its bound, and then waits for its next round', async () => {
  const failing: Work = () => Promise.reject(new Error('no luck'));
  const { runner, lines } = start([[job('a', { retries: 2 }), failing]]);
  await expect.poll(async () => (await runs()).length, POLL).toBe(3);
  await expect
    .poll(runs, POLL)
    .toEqual(['a 1 failed 0 no luck', 'a 2 failed 0 no luck', 'a 3 failed 0 no luck']);
  const { rows } = await database.pool.query<{ state: string; later: boolean }>(
    `select state, next_at > now() + interval '50 minutes' as later from market.jobs`,
  );
  expect(rows).toEqual([{ state: 'idle', later: true }]);
  await expect.poll(() => runner.isHealthy('a'), POLL).toBe(false);
  expect(lines).toMatchObject([{ again: true }, { again: true }, { again: false }]);
});

test('a part that fails makes the run fail and is named, and the next attempt heals it', async () => {
  let attempt = 0;
  const { runner } = start([
    [
      job('a', { retries: 1 }),
      async () => {
        attempt += 1;
        return attempt === 1
          ? { wrote: 3, failures: ['one of two'], report: {} }
          : { ...NOTHING, wrote: 1 };
      },
    ],
  ]);
  await expect.poll(runs, POLL).toEqual(['a 1 failed 3 one of two', 'a 2 done 1']);
  await expect.poll(() => runner.isHealthy('a'), POLL).toBe(true);
});

test('a job follows those it names, once all have succeeded, and once for each of their rounds', async () => {
  const order: string[] = [];
  const note =
    (name: string): Work =>
    async () => {
      order.push(name);
      return NOTHING;
    };
  const flaky: Work = async () => {
    order.push('b');
    if (order.filter((name) => name === 'b').length === 1) throw new Error('not yet');
    return NOTHING;
  };
  start([
    [follower('d', 'c'), note('d')],
    [follower('c', 'a', 'b'), note('c')],
    [job('a'), note('a')],
    [job('b', { retries: 1, retryMs: 500 }), flaky],
  ]);
  await expect.poll(() => order, POLL).toHaveLength(5);
  expect(order.slice(0, 2).sort()).toEqual(['a', 'b']);
  expect(order.slice(2)).toEqual(['b', 'c', 'd']);
  // A round of one of them alone is not enough.
  await database.pool.query(`update market.jobs set next_at = now() where name = 'a'`);
  await expect.poll(() => order, POLL).toHaveLength(6);
  await database.pool.query(`update market.jobs set next_at = now() where name = 'b'`);
  await expect.poll(() => order, POLL).toHaveLength(9);
  expect(order.slice(5)).toEqual(['a', 'b', 'c', 'd']);
});

test('an attempt that takes too long is ended and says so', async () => {
  const endless: Work = (signal) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
    });
  start([[job('a', { timeoutMs: 50 }), endless]]);
  await expect.poll(runs, POLL).toEqual(['a 1 failed 0 ended after 50 ms, its timeoutMs']);
});

test('what a stopped scheduler was at is gone on with by the next one, as the same round', async () => {
  const waiting: Work = (signal) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
    });
  const each = job('a', {
    atStart: false,
    timing: { text: 'soon', next: (at) => epochMs(at + 1) },
  });
  start([[each, waiting]]);
  await expect.poll(runs, POLL).toEqual(['a 1 running 0']);
  await endAll();
  start([[{ ...each, timing: { ...NEVER, text: 'soon' } }, async () => NOTHING]], 'second');
  await expect.poll(async () => (await runs()).at(-1), POLL).toBe('a 2 done 0');
  expect((await runs())[0]).toMatch(/^a 1 failed 0 stopped/);
});

test('a job that ends every scheduler that runs it is given up, and not for ever', async () => {
  await database.pool.query(
    `insert into market.jobs (name, kind, timing, state, attempt, next_at)
     values ('a', 'test', 'never', 'running', 4, now())`,
  );
  await database.pool.query(
    `insert into market.job_runs (job, kind, due_at, attempt, worker)
     values ('a', 'test', now(), 4, 'dead')`,
  );
  const { runner } = start([[job('a', { atStart: false }), async () => NOTHING]]);
  const state = async (): Promise<unknown[]> => {
    const { rows } = await database.pool.query<{ state: string }>(
      `select state, error, next_at > now() as planned from market.jobs where name = 'a'`,
    );
    return rows;
  };
  await expect
    .poll(state, POLL)
    .toEqual([{ state: 'idle', error: expect.stringMatching(/^given up/), planned: true }]);
  await expect.poll(() => runner.isHealthy('a'), POLL).toBe(false);
  expect(await runs()).toEqual([expect.stringMatching(/^a 4 failed 0 abandoned/)]);
});

test('another timing is planned anew, and the same one is left as it is', async () => {
  const plan = async () =>
    (await database.pool.query<{ next_at: number }>('select next_at from market.jobs')).rows[0]
      ?.next_at ?? 0;
  const quiet = { atStart: false };
  start([[job('a', quiet), async () => NOTHING]]);
  await expect.poll(plan, POLL).toBeGreaterThan(0);
  const first = await plan();
  await endAll();
  const { runner } = start([[job('a', quiet), async () => NOTHING]]);
  await expect.poll(() => runner.isHealthy('a'), POLL).toBe(true);
  expect(await plan()).toBe(first);
  await endAll();
  const timing = { text: 'later', next: (at: number) => epochMs(at + 7_200_000) };
  start([[job('a', { ...quiet, timing }), async () => NOTHING]]);
  await expect.poll(plan, POLL).toBeGreaterThan(first + 3_000_000);
});

/** Whose runs are closed and whose are not, with real processes that die by SIGKILL. */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { ADVISORY_LOCKS } from '#core/contracts/names.ts';
import { epochMs } from '#core/time.ts';
import { createPostgresPool } from '#platform/postgres.ts';
import { TEST_OPEN_TIME, TEST_SERIES, testCandles } from '../../tests/support/candles.ts';
import { startEngines } from '../../tests/support/engines.ts';
import { usePostgres } from '../../tests/support/postgres.ts';
import { abandonDeadRuns } from './abandon-runs.ts';
import { finishRun } from './finish-run.ts';
import { loadBatch } from './load-batch.ts';
import { runWorkerOf } from './run-worker.ts';
import { startRun } from './start-run.ts';

const database = usePostgres();
const OPENER = join(import.meta.dirname, '..', '..', 'tests', 'support', 'run-opener.ts');
const JOBS = ['stream', 'stream-check', 'gap-repair', 'redrive', 'funding'];
const RANGE = { from: TEST_OPEN_TIME, to: epochMs(TEST_OPEN_TIME + 60_000) };
const POLL = { timeout: 20_000, interval: 20 };
const ANSWER = Type.Object({
  ids: Type.Optional(Type.Array(Type.String())),
  stored: Type.Optional(Type.Boolean()),
  error: Type.Optional(Type.String()),
});

interface Opener {
  readonly ids: readonly string[];
  store(run: string | undefined): Promise<{ stored?: boolean; error?: string }>;
  kill(): Promise<void>;
}

const alive = new Set<ChildProcessWithoutNullStreams>();

beforeEach(async () => {
  await database.pool.query('truncate market.ingest_runs, market.quarantine, market.candles');
});

afterEach(async () => {
  await Promise.all([...alive].map(killed));
});

async function killed(child: ChildProcessWithoutNullStreams): Promise<void> {
  alive.delete(child);
  const closed = once(child, 'close');
  child.kill('SIGKILL');
  await closed;
}

async function startOpener(...jobs: readonly string[]): Promise<Opener> {
  const { set } = await startEngines(['postgres']);
  const child = spawn(process.execPath, [OPENER, database.options.database, ...jobs], {
    env: { ...process.env, ...set.env },
  });
  alive.add(child);
  child.stderr.pipe(process.stderr);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const { value } = await lines.next();
    return Value.Parse(ANSWER, JSON.parse(value ?? 'null'));
  };
  const { ids = [] } = await next();
  return {
    ids,
    store: async (run) => {
      child.stdin.write(`${run ?? ''}\n`);
      return next();
    },
    kill: () => killed(child),
  };
}

async function states(ids: readonly string[]): Promise<string[]> {
  const { rows } = await database.pool.query<{ state: string }>(
    'select state from market.ingest_runs where id = any ($1::bigint[]) order by id',
    [ids],
  );
  return rows.map(({ state }) => state);
}

/** Ends the session that holds the lock of a run's worker, as an administrator or a lost network does. */
async function loseSession(run: string | undefined): Promise<void> {
  await expect
    .poll(async () => {
      const { rows } = await database.pool.query<{ ended: boolean }>(
        `select pg_terminate_backend(l.pid) as ended
         from pg_locks as l, market.ingest_runs as r
         where r.id = $1::bigint and l.locktype = 'advisory'
           and l.classid::bigint = $2::integer
           and l.objid::bigint = hashtext(r.worker)::bigint & 4294967295`,
        [run, ADVISORY_LOCKS.worker],
      );
      return rows.length;
    }, POLL)
    .toBe(0);
}

test('runs of a killed process are closed by whoever opens the next one, those of a living one are not', async () => {
  const dying = await startOpener(...JOBS);
  const living = await startOpener(...JOBS);
  expect(await abandonDeadRuns(database.pool)).toBe(0);
  await dying.kill();
  const running = JOBS.map(() => 'running');
  // Postgres hears of the end a moment later.
  await expect
    .poll(async () => {
      const another = await startOpener('collect');
      await another.kill();
      return states(dying.ids);
    }, POLL)
    .toEqual(JOBS.map(() => 'failed'));
  expect(await states(living.ids)).toEqual(running);
  expect(await living.store(living.ids[0])).toEqual({ stored: true });
  const { rows } = await database.pool.query(
    `select distinct error, finished_at is not null as is_over from market.ingest_runs
     where id = any ($1::bigint[])`,
    [dying.ids],
  );
  expect(rows).toEqual([{ error: 'abandoned: the process that ran it has ended', is_over: true }]);
});

test('a run that ended well before its process was killed stays as it is', async () => {
  const dying = await startOpener('stream', 'stream');
  await finishRun(database.pool, BigInt(dying.ids[0] ?? ''), null);
  await dying.kill();
  await expect.poll(() => abandonDeadRuns(database.pool), POLL).toBe(1);
  expect(await states(dying.ids)).toEqual(['done', 'failed']);
});

test('a process that lost its lock has its batch refused once its run was closed, and its next run stands', async () => {
  const pool = database.createPool();
  const lost = await startRun(pool, { job: 'stream', series: TEST_SERIES, ...RANGE });
  const before = await runWorkerOf(pool);
  await loseSession(String(lost));
  expect(await abandonDeadRuns(database.pool)).toBe(1);
  const page = { accepted: testCandles(1), rejects: [], raw: null };
  await expect(loadBatch(pool, lost, TEST_SERIES, [page])).rejects.toMatchObject({
    code: 'WICK_ETL_LOAD_FAILED',
    retryable: true,
    message: expect.stringContaining(`Ingest run ${lost} is no longer running`) as unknown,
  });
  const next = await startRun(pool, { job: 'stream', series: TEST_SERIES, ...RANGE });
  const after = await runWorkerOf(pool);
  expect(after.name).not.toBe(before.name);
  expect(await abandonDeadRuns(database.pool)).toBe(0);
  expect(await loadBatch(pool, next, TEST_SERIES, [page])).toMatchObject({
    counts: { inserted: 1 },
  });
  expect(await states([String(lost), String(next)])).toEqual(['failed', 'running']);
});

test('until somebody closes it, a run goes on though the lock of its worker is lost', async () => {
  const living = await startOpener('gap-repair');
  await loseSession(living.ids[0]);
  expect(await living.store(living.ids[0])).toEqual({ stored: true });
  expect(await abandonDeadRuns(database.pool)).toBe(1);
  expect(await living.store(living.ids[0])).toMatchObject({
    error: expect.stringContaining('is no longer running') as unknown,
  });
});

test('all runs of a pool carry one worker, and the lock goes with the pool', async () => {
  const pool = createPostgresPool(database.options);
  const opened = await Promise.all(
    JOBS.map((job) => startRun(pool, { job, series: TEST_SERIES, ...RANGE })),
  );
  const { rows } = await database.pool.query<{ worker: string }>(
    'select distinct worker from market.ingest_runs',
  );
  expect(rows).toEqual([{ worker: (await runWorkerOf(pool)).name }]);
  expect(await abandonDeadRuns(database.pool)).toBe(0);
  await pool.end();
  await expect.poll(() => abandonDeadRuns(database.pool), POLL).toBe(opened.length);
  await expect(startRun(pool, { job: 'late', series: TEST_SERIES, ...RANGE })).rejects.toThrow(
    'the pool has ended',
  );
});

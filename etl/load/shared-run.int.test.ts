/** When batches share a run and when the next one opens another, on a real Postgres with a stepped clock. */
import { beforeEach, expect, test } from 'vitest';
import { epochMs } from '#core/time.ts';
import { createManualClock } from '#platform/clock.ts';
import { TEST_OPEN_TIME, TEST_SERIES } from '../../tests/support/candles.ts';
import { usePostgres } from '../../tests/support/postgres.ts';
import { SharedRun } from './shared-run.ts';

const database = usePostgres();
const RANGE = { from: TEST_OPEN_TIME, to: epochMs(TEST_OPEN_TIME + 60_000) };
const HOUR_MS = 3_600_000;

let clock: ReturnType<typeof createManualClock>;
let stop: AbortController;
let run: SharedRun;

beforeEach(async () => {
  await database.pool.query('truncate market.ingest_runs, market.quarantine');
  clock = createManualClock(TEST_OPEN_TIME);
  stop = new AbortController();
  const { pool } = database;
  run = new SharedRun({ pool, job: 'stream', series: TEST_SERIES, clock, signal: stop.signal });
});

const use = (): Promise<bigint> => run.use(RANGE, async (id) => Promise.resolve(id));

async function records(): Promise<{ id: bigint; state: string; error: string | null }[]> {
  const { rows } = await database.pool.query<{ id: string; state: string; error: string | null }>(
    'select id, state, error from market.ingest_runs order by id',
  );
  return rows.map(({ id, ...row }) => ({ id: BigInt(id), ...row }));
}

test('batches of six hours share a run, the next one opens another', async () => {
  const first = await use();
  clock.set(epochMs(TEST_OPEN_TIME + 6 * HOUR_MS - 1));
  expect(await use()).toBe(first);
  clock.set(epochMs(TEST_OPEN_TIME + 6 * HOUR_MS));
  const second = await use();
  expect(await records()).toEqual([
    { id: first, state: 'done', error: null },
    { id: second, state: 'running', error: null },
  ]);
  await run.close();
  await run.close();
  expect((await records()).map(({ state }) => state)).toEqual(['done', 'done']);
});

test('nothing is recorded before the first batch, nor for a new run without one', async () => {
  await run.close();
  await use();
  run.renew();
  run.renew();
  expect(await records()).toHaveLength(1);
  await use();
  await use();
  expect((await records()).map(({ state }) => state)).toEqual(['done', 'running']);
});

test('a batch that fails ends its run with its words, one that is cut off by the end does not', async () => {
  const fail = (): Promise<never> =>
    run.use(RANGE, async () => Promise.reject(new Error('the venue is down')));
  await expect(fail()).rejects.toThrow('the venue is down');
  await use();
  stop.abort();
  await expect(fail()).rejects.toThrow('the venue is down');
  await run.close();
  expect(await records()).toMatchObject([
    { state: 'failed', error: 'the venue is down' },
    { state: 'done', error: null },
  ]);
});

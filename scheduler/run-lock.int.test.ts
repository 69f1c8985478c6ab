/** One runner at a time, on a real Postgres: exclusion, release, and what a dead holder leaves. */
import { expect, test } from 'vitest';
import { usePostgres } from '../tests/support/postgres.ts';
import { withRunLock, type RunLock } from './run-lock.ts';

const database = usePostgres();
const LOCK = { kind: 7_499_001, name: 'job' };

interface Holding {
  /** Settles as the holder's `withRunLock` does. */
  readonly ended: Promise<boolean>;
  release(): void;
}

/** Takes the lock through a pool of its own, as another process would, and keeps it. */
async function hold(lock: RunLock = LOCK): Promise<Holding> {
  const held = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const ended = withRunLock(database.createPool(), lock, async () => {
    held.resolve();
    await release.promise;
  });
  await Promise.race([held.promise, ended]);
  return { ended, release: () => release.resolve() };
}

async function runs(lock: RunLock = LOCK): Promise<boolean> {
  let ran = false;
  const told = await withRunLock(database.pool, lock, async () => {
    ran = true;
  });
  expect(told).toBe(ran);
  return ran;
}

test('a lock that is free lets the work run, again and again', async () => {
  expect([await runs(), await runs()]).toEqual([true, true]);
});

test('locks leave the connections of the pool to the work, however many are held', async () => {
  const pool = database.createPool();
  const names = ['a', 'b', 'c', 'd', 'e'];
  const all = Promise.withResolvers<void>();
  const answers: number[] = [];
  let held = 0;
  await Promise.all(
    names.map((name) =>
      withRunLock(pool, { ...LOCK, name }, async () => {
        held += 1;
        if (held === names.length) all.resolve();
        await all.promise;
        answers.push((await pool.query('select 1')).rowCount ?? 0);
      }),
    ),
  );
  // One more than a pool of a command has.
  expect(answers).toEqual([1, 1, 1, 1, 1]);
});

test('of two runners one works; when it is done the other may', async () => {
  const holder = await hold();
  expect(await runs()).toBe(false);
  holder.release();
  expect(await holder.ended).toBe(true);
  expect(await runs()).toBe(true);
});

test('of many that start at once exactly one works', async () => {
  const release = Promise.withResolvers<void>();
  let working = 0;
  const starts = Array.from({ length: 8 }, () =>
    withRunLock(database.pool, LOCK, async () => {
      working += 1;
      await release.promise;
    }),
  );
  // The losers answer while the winner still works.
  const settled = Promise.all(starts.map((start) => Promise.race([start, release.promise])));
  await expect.poll(() => working, { timeout: 10_000 }).toBe(1);
  await expect.poll(() => database.pool.waitingCount, { timeout: 10_000 }).toBe(0);
  release.resolve();
  await settled;
  expect((await Promise.all(starts)).filter(Boolean)).toHaveLength(1);
});

test('another job is not kept out', async () => {
  const holder = await hold();
  expect(await runs({ ...LOCK, name: 'another job' })).toBe(true);
  holder.release();
  await holder.ended;
});

test('work that fails says so and frees the lock', async () => {
  const failing = withRunLock(database.pool, LOCK, () => Promise.reject(new Error('no luck')));
  await expect(failing).rejects.toThrow('no luck');
  expect(await runs()).toBe(true);
});

test('a holder whose session is killed frees the lock although its work goes on', async () => {
  const holder = await hold();
  const killed = await database.pool.query(
    `select pg_terminate_backend(pid) from pg_locks
     where locktype = 'advisory' and classid = $1 and granted`,
    [LOCK.kind],
  );
  expect(killed.rowCount).toBe(1);
  await expect.poll(() => runs(), { timeout: 10_000 }).toBe(true);
  holder.release();
  // It did its work; only the unlocking found the session gone.
  expect(await holder.ended).toBe(true);
});

/** Which runs the candles of a stream belong to, and that each names its own. The clock is stepped. */
import { expect, test } from 'vitest';
import { epochMs } from '#core/time.ts';
import { usePostgres } from '../../tests/support/postgres.ts';
import { at, candle, until, useScriptedStream } from '../../tests/support/scripted-stream.ts';

const database = usePostgres();
const stream = useScriptedStream(database);

interface RunRow {
  readonly id: string;
  readonly job: string;
  readonly state: string;
  readonly minutes: string;
  readonly rows: string;
}

const records = async (): Promise<RunRow[]> => {
  const { rows } = await database.pool.query<RunRow>(
    `select id, job, state,
       extract(epoch from range_from - $1::timestamptz)::integer / 60 || '-' ||
         extract(epoch from range_to - $1::timestamptz)::integer / 60 as minutes,
       inserted + unchanged as rows
     from market.ingest_runs order by job, id`,
    [new Date(at(0)).toISOString()],
  );
  return rows;
};

/** Tells a minute as closed, and lets the venue be asked about it. */
const pass = async (minute: number): Promise<void> => {
  stream.clock.set(at(minute + 1));
  stream.truth.set(at(minute), candle(minute));
  stream.tellCandle(candle(minute));
  await until(`candle ${minute}`, async () => (await stream.stored()).length === minute + 1);
  stream.clock.set(at(minute + 1, 3_000));
  await until(`an answer about ${minute}`, async () => {
    // A question that failed is asked again in a while.
    stream.clock.set(epochMs(stream.clock.now() + 200));
    const checks = (await records()).filter(({ job }) => job === 'stream-check');
    return checks.reduce((sum, { rows }) => sum + Number(rows), 0) === minute + 1;
  });
};

test('the record of a stream is one run for the candles of a connection and one for what was asked about them', async () => {
  for (const minute of [0, 1, 2]) await pass(minute);
  expect(await records()).toMatchObject([
    { job: 'stream', state: 'running', minutes: '0-3', rows: '3' },
    { job: 'stream-check', state: 'running', minutes: '0-3', rows: '3' },
  ]);
  const { rows } = await database.pool.query(
    `select r.job, count(distinct p.id)::integer as frames
     from market.candles as c
     join market.ingest_runs as r on r.id = c.ingest_run_id
     join market.raw_payloads as p on p.id = c.raw_id and p.ingest_run_id = r.id
     group by r.job`,
  );
  expect(rows, 'each candle names its run and its frame').toEqual([{ job: 'stream', frames: 3 }]);
  await stream.stop();
  expect((await records()).map(({ state }) => state)).toEqual(['done', 'done']);
});

test('it goes on in another run after a loss, and where somebody closed the one at hand', async () => {
  await pass(0);
  stream.cut();
  await stream.connected(2);
  await pass(1);
  expect((await records()).map(({ job, state }) => `${job} ${state}`)).toEqual([
    'stream done',
    'stream running',
    'stream-check running',
  ]);
  // As when somebody takes this process for dead.
  await database.pool.query(
    `update market.ingest_runs set state = 'failed', error = 'abandoned', finished_at = now()
     where state = 'running'`,
  );
  await pass(2);
  expect(await stream.stored()).toMatchObject([0, 1, 2].map((minute) => ({ minute, revision: 0 })));
  expect((await records()).map(({ job, state }) => `${job} ${state}`)).toEqual([
    'stream done',
    'stream failed',
    'stream running',
    'stream-check failed',
    'stream-check running',
  ]);
});

/**
 * A process of its own that opens runs and then lives until it is killed. In: the database's name as
 * the first argument, the rest of the configuration in the environment, jobs as further arguments. Out:
 * `{"ids": […]}` on stdout once all runs are open. One line on stdin, a run's id, makes it store an
 * empty batch there; it answers `{"stored": true}` or the error.
 */
import { createInterface } from 'node:readline';
import { errorText } from '#core/errors.ts';
import { epochMs } from '#core/time.ts';
import { loadConfig } from '#platform/config.ts';
import { createPostgresPool, postgresOptions } from '#platform/postgres.ts';
import { loadBatch } from '../../etl/load/load-batch.ts';
import { startRun } from '../../etl/load/start-run.ts';
import { TEST_OPEN_TIME, TEST_SERIES } from './candles.ts';

const [database, ...jobs] = process.argv.slice(2);
if (database === undefined) throw new Error('which database?');
const pool = createPostgresPool({ ...postgresOptions(loadConfig(), 'run-opener'), database });
const range = { from: TEST_OPEN_TIME, to: epochMs(TEST_OPEN_TIME + 60_000) };

const tell = (answer: object): void => void process.stdout.write(`${JSON.stringify(answer)}\n`);

const ids: string[] = [];
for (const job of jobs) {
  ids.push(String(await startRun(pool, { job, series: TEST_SERIES, ...range })));
}
tell({ ids });
for await (const line of createInterface({ input: process.stdin })) {
  try {
    await loadBatch(pool, BigInt(line), TEST_SERIES, []);
    tell({ stored: true });
  } catch (error) {
    tell({ error: errorText(error) });
  }
}
await pool.end();

/**
 * A million candles through the recorded venue (without its weight limit) into Postgres, in a process
 * of its own, and its first hundred thousand once more. The baseline fetches and parses the same
 * pages and stores nothing. The candles are synthetic: no recording is that long.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Type } from 'typebox';
import { migratePostgres } from '#platform/migrate-postgres.ts';
import { createPostgresPool, postgresOptions } from '#platform/postgres.ts';
import type { BenchStack } from './bench-stack.ts';
import { runForJson } from './child-json.ts';
import type { BenchContext } from './context.ts';
import type { Measured } from './figures.ts';
import { spreadOf } from './statistics.ts';

const ROWS = 1_000_000;
const AGAIN_ROWS = 100_000;
const AGAIN_RUNS = 3;
const START = Date.UTC(2023, 0, 1);
const MINUTE_MS = 60_000;
const SEED = 20_261_121;
const DATABASE = 'bench_backfill';
const GROWTH_MIB_MAX = 150;
const TIMEOUT_MS = 600_000;

const REPORT = Type.Object({
  runs: Type.Array(
    Type.Object({
      rows: Type.Integer(),
      seconds: Type.Number(),
      walBytes: Type.Number(),
    }),
  ),
  memory: Type.Object({ beforeMib: Type.Number(), mostMib: Type.Number() }),
});

export async function backfillBench(context: BenchContext): Promise<Measured[]> {
  const stack = await context.stack();
  await stack.start('postgres');
  const env = { ...stack.env, DB_NAME: await createDatabase(context, stack) };
  const folder = await writeRecording(stack);
  const url = stack.env['BINANCE_FUTURES_URL'] ?? '';
  const venue = await stack.spawnNode('venue', 'local/venues/main.ts', {
    args: ['--port', new URL(url).port, '--data', folder, '--once', '--weight-limit', '1000000000'],
    readyUrl: new URL('/replay', url).href,
  });
  const run = async (rows: number, ...args: readonly string[]) =>
    runForJson('bench/processes/ingest-range.ts', {
      args: ['--symbol=SYNTH/USDT', `--from=${START}`, `--to=${START + rows * MINUTE_MS}`, ...args],
      // As package.json, the image and the stack start what loads.
      nodeArgs: ['--max-semi-space-size=8'],
      env,
      schema: REPORT,
      timeoutMs: TIMEOUT_MS,
      signal: context.signal,
    });
  const bare = await run(ROWS, '--bare');
  const whole = await run(ROWS);
  const again = await run(AGAIN_ROWS, `--runs=${AGAIN_RUNS}`);
  await venue.stop();
  const { beforeMib, mostMib } = whole.memory;
  const rates = (report: typeof whole): number[] =>
    report.runs.map(({ rows, seconds }) => rows / seconds);
  const baseline = { name: 'fetch + JSON.parse', spread: spreadOf(rates(bare)), published: null };
  const wal = again.runs.map(({ walBytes }) => walBytes);
  const figure = { bench: 'backfill', baseline: null, bar: null };
  return [
    {
      ...figure,
      name: '1M candles, end to end',
      unit: 'candles/s',
      spread: spreadOf(rates(whole)),
      baseline,
    },
    {
      ...figure,
      name: '1M candles, growth of memory',
      unit: 'MiB',
      spread: spreadOf([mostMib - beforeMib]),
      bar: { kind: 'value_max', value: GROWTH_MIB_MAX },
    },
    {
      ...figure,
      name: '100k candles again',
      unit: 'candles/s',
      spread: spreadOf(rates(again)),
      baseline,
    },
    {
      ...figure,
      name: '100k candles again, WAL beyond the run record',
      unit: 'bytes',
      // The server's own writes (hint bits after a load, a vacuum) do not fall into all rounds.
      spread: spreadOf([Math.min(...wal)]),
      bar: { kind: 'value_max', value: 0 },
    },
  ];
}

/** A database of its own: no slot decodes what is written here. @returns its name. */
async function createDatabase({ onClose }: BenchContext, stack: BenchStack): Promise<string> {
  const options = postgresOptions(stack.config, 'wickstream-bench');
  const server = createPostgresPool(options);
  await server.query(`create database ${DATABASE}`);
  await server.end();
  const pool = createPostgresPool({ ...options, database: DATABASE });
  onClose(() => pool.end());
  const { CDC_USER: cdcUser, CDC_PASSWORD: cdcPassword } = stack.config;
  await migratePostgres(pool, { cdcUser, cdcPassword });
  await pool.query('create extension pg_walinspect');
  return DATABASE;
}

/** A seeded random walk in cents. @returns the folder that holds it. */
async function writeRecording(stack: BenchStack): Promise<string> {
  const folder = join(stack.layout.base, 'synthetic-recordings');
  await mkdir(folder, { recursive: true });
  const lines = ['timestamp_ms,open,high,low,close,volume'];
  let state = SEED;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state % below;
  };
  const text = (cents: number): string => (cents / 100).toFixed(2);
  let price = 5_000_000;
  for (let row = 0; row < ROWS; row += 1) {
    const open = price;
    price = Math.max(1_000_000, price + random(2_001) - 1_000);
    const high = Math.max(open, price) + random(500);
    const low = Math.min(open, price) - random(500);
    lines.push(
      `${START + row * MINUTE_MS},${text(open)},${text(high)},${text(low)},${text(price)},${random(100_000) / 1_000}`,
    );
  }
  await writeFile(join(folder, 'SYNTHUSDT-1m.csv'), `${lines.join('\n')}\n`);
  return folder;
}

/**
 * Bulk upsert into market.candles against plain COPY of the same rows into a table of the same shape:
 * columns, months, key and constraints. Both sides start from the same candles in memory, so each
 * pays for its text. Once on an empty table, once on one that already holds the very same rows.
 */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { from as copyFrom } from 'pg-copy-streams';
import { CANDLE_COLUMNS, copyLine, type LoadRow } from '../etl/load/candle-columns.ts';
import { ensureMonthPartitions } from '../etl/load/ensure-partitions.ts';
import { upsertCandles } from '../etl/load/upsert-candles.ts';
import { migratePostgres } from '#platform/migrate-postgres.ts';
import {
  createPostgresPool,
  inTransaction,
  postgresOptions,
  type Pool,
} from '#platform/postgres.ts';
import type { BenchContext } from './context.ts';
import type { Baseline, Measured } from './figures.ts';
import { spreadOf } from './statistics.ts';

const ROWS = 100_000;
const RUNS = 3;
/** As the loader cuts them: a backfill's page of pages, and a live batch. */
const COPY_BATCH = 20_000;
const ARRAY_BATCH = 1_000;
const CHUNK_CHARS = 64 * 1024;
const DATABASE = 'bench_upsert';
/** COPY into a narrower table over a Unix socket. */
const PUBLISHED_COPY = 313_000;
const SHARE_MIN = 0.5;

type Rates = Record<'plain' | 'copyFresh' | 'copyAgain' | 'arraysFresh' | 'arraysAgain', number[]>;

export async function upsertBench(context: BenchContext): Promise<Measured[]> {
  const stack = await context.stack();
  await stack.start('postgres');
  const rows = (await context.candles()).slice(0, ROWS).map((candle) => ({ candle, rawId: null }));
  const pool = await createDatabase(context);
  await ensureMonthPartitions(pool, 'candles', new Set(rows.map(({ candle }) => candle.openTime)));
  await createPlainTable(pool);
  const rates: Rates = {
    plain: [],
    copyFresh: [],
    copyAgain: [],
    arraysFresh: [],
    arraysAgain: [],
  };
  // The first round warms code and caches and is not counted.
  for (let round = 0; round <= RUNS; round += 1) {
    context.signal.throwIfAborted();
    const taken = await measureRound(pool, rows, round % 2 === 0);
    if (round === 0) continue;
    for (const name of names(rates)) rates[name].push(taken[name]);
  }
  const baseline: Baseline = {
    name: 'plain COPY',
    spread: spreadOf(rates.plain),
    published: PUBLISHED_COPY,
  };
  const figure = (name: string, samples: readonly number[], bar: Measured['bar']): Measured => ({
    bench: 'upsert',
    name,
    unit: 'rows/s',
    spread: spreadOf(samples),
    baseline,
    bar,
  });
  const bulk: Measured['bar'] = { kind: 'share_min', share: SHARE_MIN };
  return [
    figure('bulk (COPY + merge), new rows', rates.copyFresh, bulk),
    figure('bulk, same rows again', rates.copyAgain, bulk),
    // A live batch pays for a round trip, a commit and its fsync for each thousand rows.
    figure('live (arrays), new rows', rates.arraysFresh, null),
    figure('live, same rows again', rates.arraysAgain, null),
  ];
}

function names(rates: Rates): (keyof Rates)[] {
  return Object.keys(rates).filter((name): name is keyof Rates => name in rates);
}

async function measureRound(
  pool: Pool,
  rows: readonly LoadRow[],
  plainFirst: boolean,
): Promise<Record<keyof Rates, number>> {
  const plain = async (): Promise<number> => {
    await empty(pool, 'bench.candles');
    return rate(rows.length, () => copyPlain(pool, rows));
  };
  const before = plainFirst ? await plain() : null;
  await empty(pool, 'market.candles');
  const copyFresh = await rate(rows.length, () => upsertAll(pool, rows, COPY_BATCH));
  const copyAgain = await rate(rows.length, () => upsertAll(pool, rows, COPY_BATCH));
  await empty(pool, 'market.candles');
  const arraysFresh = await rate(rows.length, () => upsertAll(pool, rows, ARRAY_BATCH));
  const arraysAgain = await rate(rows.length, () => upsertAll(pool, rows, ARRAY_BATCH));
  return { plain: before ?? (await plain()), copyFresh, copyAgain, arraysFresh, arraysAgain };
}

async function rate(rows: number, work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return rows / ((performance.now() - startedAt) / 1000);
}

async function upsertAll(pool: Pool, rows: readonly LoadRow[], batch: number): Promise<void> {
  for (let from = 0; from < rows.length; from += batch) {
    await inTransaction(pool, (client) =>
      upsertCandles(client, rows.slice(from, from + batch), { ingestRunId: 1n }),
    );
  }
}

async function copyPlain(pool: Pool, rows: readonly LoadRow[]): Promise<void> {
  const columns = CANDLE_COLUMNS.map(({ name }) => name).join(', ');
  await inTransaction(pool, async (client) => {
    const copy = client.query(copyFrom(`copy bench.candles (${columns}) from stdin`));
    await pipeline(Readable.from(chunks(rows)), copy);
  });
}

function* chunks(rows: readonly LoadRow[]): Generator<Buffer> {
  let chunk = '';
  for (const row of rows) {
    chunk += copyLine(row);
    if (chunk.length < CHUNK_CHARS) continue;
    yield Buffer.from(chunk);
    chunk = '';
  }
  yield Buffer.from(chunk);
}

/** The checkpoint keeps one run from paying for the writes of the last. */
async function empty(pool: Pool, table: string): Promise<void> {
  await pool.query(`truncate ${table}`);
  await pool.query('checkpoint');
}

/** A database of its own: no slot decodes what is written here. */
async function createDatabase(context: BenchContext): Promise<Pool> {
  const { config } = await context.stack();
  const options = postgresOptions(config, 'wickstream-bench');
  const server = createPostgresPool(options);
  await server.query(`create database ${DATABASE}`);
  await server.end();
  const pool = createPostgresPool({ ...options, database: DATABASE });
  context.onClose(() => pool.end());
  await migratePostgres(pool, { cdcUser: config.CDC_USER, cdcPassword: config.CDC_PASSWORD });
  return pool;
}

/** Same columns, key, constraints and months; nothing of the loader. */
async function createPlainTable(pool: Pool): Promise<void> {
  await pool.query('create schema bench');
  await pool.query(
    'create table bench.candles (like market.candles including all) partition by range (open_time)',
  );
  const months = await pool.query<{ name: string; bounds: string }>(
    `select c.relname as name, pg_get_expr(c.relpartbound, c.oid) as bounds
     from pg_inherits as i join pg_class as c on c.oid = i.inhrelid
     where i.inhparent = 'market.candles'::regclass`,
  );
  for (const { name, bounds } of months.rows) {
    await pool.query(`create table bench.${name} partition of bench.candles ${bounds}`);
  }
}

/** Migrations on a real Postgres: order, concurrency, refusal of edited files, undoing of failed ones. */
import { appendFile, cp, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { usePostgres } from '../tests/support/postgres.ts';
import { migratePostgres } from './migrate-postgres.ts';

const SQL_DIRECTORY = join(import.meta.dirname, '..', 'sql', 'postgres');
const LOGIN = { cdcUser: 'wick_test_migrate', cdcPassword: 'first' };

const database = usePostgres({ migrated: false });
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wick-migrations-'));
  await cp(SQL_DIRECTORY, directory, { recursive: true });
});

afterEach(async () => {
  await rm(directory, { recursive: true });
  await database.pool.query('drop publication if exists wickstream');
  await database.pool.query('drop schema if exists market cascade');
});

const migrate = (pool = database.pool) => migratePostgres(pool, { ...LOGIN, directory });

test('five runners at once apply each file exactly once', async () => {
  const pools = Array.from({ length: 5 }, () => database.createPool());
  const reports = await Promise.all(pools.map((pool) => migrate(pool)));
  const applied = reports.flatMap((report) => report.applied);
  expect(applied).toEqual((await readdir(SQL_DIRECTORY)).sort());
});

test('a second run applies nothing', async () => {
  await migrate();
  expect(await migrate()).toEqual({ applied: [] });
});

test('a new file is applied on top', async () => {
  await migrate();
  await writeFile(join(directory, '900_more.sql'), 'create table market.more (id integer);');
  expect(await migrate()).toEqual({ applied: ['900_more.sql'] });
});

test('an applied file that was changed is refused by name', async () => {
  await migrate();
  await appendFile(join(directory, '002_candles.sql'), '\n-- a later thought\n');
  await expect(migrate()).rejects.toMatchObject({ code: 'WICK_MIGRATION_FAILED' });
  await expect(migrate()).rejects.toThrow(/"002_candles.sql" was changed after it was applied/);
});

test('line ends do not count as a change', async () => {
  await writeFile(join(directory, '900_more.sql'), 'create table\n market.more (id integer);\n');
  await migrate();
  await writeFile(
    join(directory, '900_more.sql'),
    'create table\r\n market.more (id integer);\r\n',
  );
  expect(await migrate()).toEqual({ applied: [] });
});

test('an applied file that is gone means an older version, which is refused', async () => {
  await migrate();
  await rm(join(directory, '005_change_capture.sql'));
  await expect(migrate()).rejects.toThrow(
    /"005_change_capture.sql", which this version does not know/,
  );
});

test('a new file that sorts before an applied one is refused', async () => {
  await migrate();
  const last = (await readdir(SQL_DIRECTORY)).sort().at(-1) ?? '';
  await writeFile(join(directory, '003_aardvark.sql'), 'select 1;');
  await expect(migrate()).rejects.toThrow(`sorts before the applied "${last}"`);
});

test('a misnamed file is refused', async () => {
  await rename(join(directory, '001_catalogue.sql'), join(directory, '1-catalogue.sql'));
  await expect(migrate()).rejects.toThrow(/"1-catalogue.sql" is not named like/);
});

test('a failing file names its line, leaves nothing behind and can be mended', async () => {
  const file = join(directory, '900_broken.sql');
  await writeFile(file, 'create table market.half (id integer);\nselect nonsense;\n');
  await expect(migrate()).rejects.toThrow(/"900_broken.sql" line 2 failed and was undone/);
  const half = await database.pool.query("select to_regclass('market.half') as found");
  expect(half.rows).toEqual([{ found: null }]);
  await writeFile(file, 'create table market.half (id integer);\n');
  expect(await migrate()).toEqual({ applied: ['900_broken.sql'] });
});

test('the lock is free again after a failure', async () => {
  await writeFile(join(directory, '900_broken.sql'), 'select nonsense;');
  await expect(migrate()).rejects.toThrow();
  const locks = await database.pool.query(
    `select 1 from pg_locks join pg_database as d on d.oid = pg_locks.database
     where locktype = 'advisory' and datname = current_database()`,
  );
  expect(locks.rowCount).toBe(0);
});

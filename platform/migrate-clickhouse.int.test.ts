/** Migrations on a real ClickHouse: order, repetition, several at once, refusal of what cannot be repeated. */
import { appendFile, cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { dropDatabase, useClickHouse } from '../tests/support/clickhouse.ts';
import { featureViewSql } from '../analyzer/sink/feature-view.ts';
import { CORE_V1 } from '../analyzer/features/sets/core-v1.ts';
import { readRows } from './clickhouse.ts';
import { migrateClickHouse, type ClickHouseMigrateOptions } from './migrate-clickhouse.ts';

const SQL_DIRECTORY = join(import.meta.dirname, '..', 'sql', 'clickhouse');

const clickhouse = useClickHouse({ migrated: false });
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wick-clickhouse-migrations-'));
  await cp(SQL_DIRECTORY, directory, { recursive: true });
});

afterEach(async () => {
  await rm(directory, { recursive: true });
  await dropDatabase(clickhouse.options);
});

function migrate(changes: Partial<ClickHouseMigrateOptions> = {}) {
  return migrateClickHouse({ ...clickhouse.options, directory, ...changes });
}

async function refused(problem: RegExp): Promise<void> {
  await expect(migrate()).rejects.toMatchObject({
    code: 'WICK_MIGRATION_FAILED',
    message: expect.stringMatching(problem),
  });
}

async function names(query: string): Promise<string[]> {
  const rows = await readRows<{ name: string }>(clickhouse.client, query);
  return rows.map(({ name }) => name);
}

const tables = (): Promise<string[]> =>
  names(
    `select name from system.tables where database = '${clickhouse.options.database}' order by name`,
  );

describe('a migration', () => {
  test('makes the database and applies every file in order', async () => {
    const { applied } = await migrate();
    expect(applied).toEqual((await readdir(SQL_DIRECTORY)).sort());
    expect(await tables()).toEqual([
      'analyzer_state',
      'anchors',
      'candle_revisions',
      'candles',
      'change_sources',
      'features',
      'funding_rates',
      'gap_revisions',
      'gaps',
      'schema_migrations',
      'signals',
      'v_candle_revisions',
      'v_candles',
      'v_funding_rates',
      'v_gaps',
      'v_signals',
      'waypoints',
    ]);
  });

  test('that was applied is not applied again', async () => {
    await migrate();
    expect(await migrate()).toEqual({ applied: [] });
  });

  test('that is new is applied on top', async () => {
    await migrate();
    await writeFile(
      join(directory, '900_more.sql'),
      `-- More.\ncreate table if not exists more (a UInt8) engine = MergeTree order by a;\n
       alter table more add column if not exists b String; -- why\n`,
    );
    expect(await migrate()).toEqual({ applied: ['900_more.sql'] });
    const columns = await names(
      `select name from system.columns where table = 'more'
       and database = '${clickhouse.options.database}' order by name`,
    );
    expect(columns).toEqual(['a', 'b']);
  });

  test('goes through when three start at once, and on what one that was cut off has left', async () => {
    await Promise.all([migrate(), migrate(), migrate()]);
    expect(await migrate()).toEqual({ applied: [] });
    // As if the process had ended before it noted the last file.
    await clickhouse.client.command({ query: 'truncate table schema_migrations' });
    expect((await migrate()).applied).toHaveLength((await readdir(SQL_DIRECTORY)).length);
  });

  test('runs the statements made from data, each time', async () => {
    const generated = [featureViewSql(CORE_V1)];
    await migrate({ generated });
    await migrate({ generated });
    const columns = await names(
      `select name from system.columns where table = 'v_features_core_v1'
       and database = '${clickhouse.options.database}' order by position`,
    );
    expect(columns.slice(6)).toEqual(CORE_V1.features.map(({ name }) => name));
  });
});

describe('a file is refused', () => {
  test('that was changed after it was applied, by name', async () => {
    await migrate();
    await appendFile(join(directory, '001_candles.sql'), '\n-- a later thought\n');
    await refused(/001_candles\.sql: it was changed after it had been applied; add a new file/);
  });

  test('whose name has no place in the order', async () => {
    await writeFile(join(directory, 'more.sql'), 'create table if not exists x (a UInt8)');
    await refused(/more\.sql: its name is not like 001_/);
  });

  test.each([
    'create table more (a UInt8) engine = MergeTree order by a',
    'drop table candles',
    'insert into candles select * from candles',
    'alter table candles delete where 1',
    'alter table candles add column x UInt8',
    'truncate table candles',
    'rename table candles to old',
  ])('that holds "%s", which cannot be run twice', async (statement) => {
    await writeFile(join(directory, '900_more.sql'), `${statement};\n`);
    await refused(/900_more\.sql: ".*…" cannot be run twice without harm/);
    expect(
      await names('select name from schema_migrations final where name like $$900%$$'),
    ).toEqual([]);
  });

  test('that ClickHouse does not take, with what it says', async () => {
    await writeFile(
      join(directory, '900_more.sql'),
      'create table if not exists more (a Nonsense) engine = MergeTree order by a;',
    );
    await refused(/900_more\.sql: .*(Unknown data type|UNKNOWN_TYPE|Nonsense)/s);
  });

  test('and line ends do not count as a change', async () => {
    await writeFile(join(directory, '900_more.sql'), 'create or replace view w as\n select 1;\n');
    await migrate();
    await writeFile(
      join(directory, '900_more.sql'),
      'create or replace view w as\r\n select 1;\r\n',
    );
    expect(await migrate()).toEqual({ applied: [] });
  });
});

test.each(['', '1st', 'a b', 'a;drop database b', 'a-b', 'é', 'a'.repeat(64)])(
  'a database named "%s" is refused',
  async (database) => {
    await expect(migrate({ database })).rejects.toMatchObject({ code: 'WICK_CONFIG_INVALID' });
  },
);

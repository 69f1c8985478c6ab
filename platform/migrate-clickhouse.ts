/**
 * Brings a ClickHouse database to `sql/clickhouse/`. Forward only: files run in order, once, and an
 * applied file that was edited is refused. ClickHouse has neither locks nor transactional DDL, so
 * every statement is one that may run twice: runners that start together, or one that was cut off,
 * do no harm. (clickhouse-migrations covers the same ground but leaves a half-applied file as done.)
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, errorText } from '#core/errors.ts';
import {
  createClickHouse,
  readRows,
  type ClickHouseClient,
  type ClickHouseOptions,
} from './clickhouse.ts';

const DIRECTORY = join(import.meta.dirname, '..', 'sql', 'clickhouse');
const FILE_NAME = /^\d{3}_[a-z0-9_]+\.sql$/;
const DATABASE_NAME = /^[a-zA-Z_][a-zA-Z0-9_]{0,62}$/;
const REPEATABLE =
  /^(?:create (?:table|view|database) if not exists|create or replace view|alter table \S+ (?:add|modify|drop) \S+ if)/i;

const BOOKKEEPING = `create table if not exists schema_migrations (
  name String, sha256 String, applied_at DateTime64(3, 'UTC') default now64(3)
) engine = ReplacingMergeTree(applied_at) order by name`;

export interface ClickHouseMigrateOptions extends ClickHouseOptions {
  readonly directory?: string;
  /** Statements to run after the files, for example views made from data. */
  readonly generated?: readonly string[];
}

/**
 * @returns the files applied, in order.
 * @throws AppError WICK_MIGRATION_FAILED naming the file and what is wrong with it.
 */
export async function migrateClickHouse(
  options: ClickHouseMigrateOptions,
): Promise<{ readonly applied: readonly string[] }> {
  await createDatabase(options);
  const client = createClickHouse(options);
  try {
    await client.command({ query: BOOKKEEPING });
    const applied = await applyFiles(client, options.directory ?? DIRECTORY);
    for (const query of options.generated ?? []) await client.command({ query });
    return { applied };
  } finally {
    await client.close();
  }
}

async function createDatabase(options: ClickHouseOptions): Promise<void> {
  if (!DATABASE_NAME.test(options.database)) {
    throw new AppError(
      'WICK_CONFIG_INVALID',
      `"${options.database}" is not a ClickHouse database name`,
    );
  }
  const client = createClickHouse({ ...options, database: 'default' });
  try {
    await client.command({ query: `create database if not exists ${options.database}` });
  } finally {
    await client.close();
  }
}

async function applyFiles(client: ClickHouseClient, directory: string): Promise<string[]> {
  const known = new Map(
    (
      await readRows<{ name: string; sha256: string }>(
        client,
        'select name, sha256 from schema_migrations final',
      )
    ).map(({ name, sha256 }) => [name, sha256]),
  );
  const applied: string[] = [];
  const names = (await readdir(directory)).filter((name) => name.endsWith('.sql')).sort();
  for (const name of names) {
    if (!FILE_NAME.test(name)) throw failed(name, 'its name is not like 001_what_it_makes.sql');
    const text = (await readFile(join(directory, name), 'utf8')).replaceAll('\r\n', '\n');
    const sha256 = createHash('sha256').update(text).digest('hex');
    const before = known.get(name);
    if (before === sha256) continue;
    if (before !== undefined)
      throw failed(name, 'it was changed after it had been applied; add a new file');
    await applyFile(client, name, text);
    await client.insert({
      table: 'schema_migrations',
      values: [{ name, sha256 }],
      format: 'JSONEachRow',
    });
    applied.push(name);
  }
  return applied;
}

async function applyFile(client: ClickHouseClient, name: string, text: string): Promise<void> {
  const plain = text.replace(/^\s*--.*$/gm, '');
  for (const statement of plain.split(/;\s*$/m).map((part) => part.trim())) {
    if (statement === '') continue;
    if (!REPEATABLE.test(statement)) {
      throw failed(name, `"${statement.slice(0, 60)}…" cannot be run twice without harm`);
    }
    try {
      await client.command({ query: statement });
    } catch (error) {
      throw failed(name, errorText(error), error);
    }
  }
}

function failed(name: string, problem: string, cause?: unknown): AppError {
  return new AppError('WICK_MIGRATION_FAILED', `ClickHouse migration ${name}: ${problem}`, {
    cause,
  });
}

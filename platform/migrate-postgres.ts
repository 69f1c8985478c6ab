/**
 * Brings a Postgres database to the schema of `sql/postgres/`. In: an owner's pool, the change
 * capture login. Out: which files were applied. Forward only; each file runs once, in its own
 * transaction with its bookkeeping row; runners that start together wait for each other.
 *
 * Not node-pg-migrate: it remembers names only, so an applied file that was edited later passes
 * silently, and it reads file names as timestamps and files as templates. What is needed here, a
 * content hash checked under the lock that also guards the run, is shorter than working around that.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { ADVISORY_LOCKS, POSTGRES_SCHEMA } from '#core/contracts/names.ts';
import { AppError, errorText } from '#core/errors.ts';
import { grantChangeCapture, type ChangeCaptureLogin } from './postgres-roles.ts';

export interface MigrateOptions extends ChangeCaptureLogin {
  /** Where the files lie; defaults to the product's own. */
  readonly directory?: string;
}

export interface MigrateReport {
  /** File names in the order they were applied; empty when there was nothing to do. */
  readonly applied: readonly string[];
}

interface MigrationFile {
  readonly name: string;
  readonly sql: string;
  /** Hex SHA-256 of the text with LF line ends. */
  readonly sha256: string;
}

const DIRECTORY = join(import.meta.dirname, '..', 'sql', 'postgres');
const FILE_NAME = /^\d{3}_[a-z0-9_]+\.sql$/;
/** A runner that waits longer than this for another one gives up. */
const LOCK_WAIT_MS_MAX = 120_000;

/**
 * Applies what is missing, then makes the change capture role and its rights as they should be.
 * @throws AppError WICK_MIGRATION_FAILED naming the file, when an applied file has changed or is
 * unknown, when a file sorts before an applied one, or when its SQL fails (then nothing of it stays).
 */
export async function migratePostgres(
  pool: pg.Pool,
  options: MigrateOptions,
): Promise<MigrateReport> {
  const files = await readMigrations(options.directory ?? DIRECTORY);
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query(`set lock_timeout = ${LOCK_WAIT_MS_MAX}`);
    await client.query('select pg_advisory_lock($1::bigint)', [ADVISORY_LOCKS.migrate]);
    const applied = await applyMissing(client, files);
    await grantChangeCapture(client, options);
    return { applied };
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError('WICK_MIGRATION_FAILED', `Postgres: ${errorText(error)}`, { cause: error });
  } finally {
    await release(client).catch((error: Error) => {
      broken = error;
    });
    client.release(broken);
  }
}

/** Leaves the session as the pool gave it, lock included. */
async function release(client: pg.PoolClient): Promise<void> {
  await client.query('reset lock_timeout');
  await client.query('select pg_advisory_unlock_all()');
}

async function readMigrations(directory: string): Promise<readonly MigrationFile[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.sql')).sort();
  const misnamed = names.find((name) => !FILE_NAME.test(name));
  if (misnamed !== undefined) {
    throw new AppError(
      'WICK_MIGRATION_FAILED',
      `"${misnamed}" is not named like 001_what_it_makes.sql`,
    );
  }
  return Promise.all(
    names.map(async (name) => {
      const sql = (await readFile(join(directory, name), 'utf8')).replaceAll('\r\n', '\n');
      return { name, sql, sha256: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

async function applyMissing(
  client: pg.PoolClient,
  files: readonly MigrationFile[],
): Promise<readonly string[]> {
  await client.query(`create schema if not exists ${POSTGRES_SCHEMA}`);
  await client.query(`
    create table if not exists ${POSTGRES_SCHEMA}.schema_migrations (
      name text primary key,
      sha256 text not null,
      applied_at timestamptz not null default now()
    )`);
  const done = await client.query<{ name: string; sha256: string }>(
    `select name, sha256 from ${POSTGRES_SCHEMA}.schema_migrations order by name`,
  );
  assertUnchanged(files, done.rows);
  const last = done.rows.at(-1)?.name ?? '';
  const applied: string[] = [];
  for (const file of files.filter((candidate) => candidate.name > last)) {
    await applyFile(client, file);
    applied.push(file.name);
  }
  return applied;
}

/** What was applied must still be the beginning of what we have, text for text. */
function assertUnchanged(
  files: readonly MigrationFile[],
  done: readonly { readonly name: string; readonly sha256: string }[],
): void {
  const byName = new Map(files.map((file) => [file.name, file]));
  for (const row of done) {
    const file = byName.get(row.name);
    if (file === undefined) {
      throw new AppError(
        'WICK_MIGRATION_FAILED',
        `The database has applied "${row.name}", which this version does not know; run the newer version`,
      );
    }
    if (file.sha256 !== row.sha256) {
      throw new AppError(
        'WICK_MIGRATION_FAILED',
        `"${row.name}" was changed after it was applied; restore it and put the change in a new file`,
        { details: { applied: row.sha256, found: file.sha256 } },
      );
    }
  }
  const late = files[done.length - 1];
  const last = done.at(-1);
  if (late !== undefined && last !== undefined && late.name !== last.name) {
    throw new AppError(
      'WICK_MIGRATION_FAILED',
      `"${late.name}" or one before it sorts before the applied "${last.name}"; give it a later number`,
    );
  }
}

async function applyFile(client: pg.PoolClient, file: MigrationFile): Promise<void> {
  await client.query('begin');
  try {
    await client.query(file.sql);
    await client.query(
      `insert into ${POSTGRES_SCHEMA}.schema_migrations (name, sha256) values ($1::text, $2::text)`,
      [file.name, file.sha256],
    );
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw new AppError(
      'WICK_MIGRATION_FAILED',
      `"${file.name}"${describePlace(file.sql, error)} failed and was undone: ${errorText(error)}`,
      { cause: error },
    );
  }
}

function describePlace(sql: string, error: unknown): string {
  if (!(error instanceof pg.DatabaseError) || error.position === undefined) return '';
  return ` line ${sql.slice(0, Number(error.position)).split('\n').length}`;
}

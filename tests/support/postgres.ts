/**
 * A database of its own for each test file. In: a server. Out: a pool on a fresh clone of a migrated
 * template, dropped when the file is done. The template is made by the first file that asks, under
 * a lock, once per server and state of the migrations.
 */
import { createHash, randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll } from 'vitest';
import { createPostgresPool, type Pool, type PostgresOptions } from '#platform/postgres.ts';
import { migratePostgres } from '#platform/migrate-postgres.ts';
import { postgresServer, type PostgresServer } from './engines.ts';

/** The change capture login of the template's databases. */
export const CDC_TEST_LOGIN = { cdcUser: 'wick_test_cdc', cdcPassword: 'wick-test-cdc' } as const;

const TEMPLATE_LOCK = 7_490_900;
const SQL_DIRECTORY = join(import.meta.dirname, '..', '..', 'sql', 'postgres');

export interface TestDatabase {
  /** A pool of the owner; ended by the helper. */
  readonly pool: Pool;
  readonly options: PostgresOptions;
  /** Another pool on the same database, also ended by the helper. */
  createPool(login?: { readonly user: string; readonly password: string }): Pool;
}

export interface UsePostgresOptions {
  /** False gives an empty database. Default true. */
  readonly migrated?: boolean;
}

/** Call at the top of a test file; the result may be used inside its tests and hooks. */
export function usePostgres(options: UsePostgresOptions = {}): TestDatabase {
  let server: PostgresServer | undefined;
  let connection: PostgresOptions | undefined;
  const pools: Pool[] = [];
  const idleErrors: Error[] = [];

  const createPool = (login?: { readonly user: string; readonly password: string }): Pool => {
    if (connection === undefined) throw new Error('the test database exists only inside tests');
    const pool = createPostgresPool({ ...connection, ...login }, (error) => idleErrors.push(error));
    pools.push(pool);
    return pool;
  };

  beforeAll(async () => {
    server = await postgresServer();
    connection = await createTestDatabase(server, options.migrated ?? true);
    createPool();
  });

  afterAll(async () => {
    await Promise.all(pools.map((pool) => pool.end()));
    // Dropping the database ends connections that have said goodbye but are not gone yet.
    const lost = [...idleErrors];
    if (server !== undefined && connection !== undefined) {
      await dropTestDatabase(server, connection.database);
    }
    if (lost.length > 0) throw new AggregateError(lost, 'connections were lost');
  });

  return {
    get pool() {
      const [pool] = pools;
      if (pool === undefined) throw new Error('the test database exists only inside tests');
      return pool;
    },
    get options() {
      if (connection === undefined) throw new Error('the test database exists only inside tests');
      return connection;
    },
    createPool,
  };
}

async function createTestDatabase(
  server: PostgresServer,
  migrated: boolean,
): Promise<PostgresOptions> {
  const database = `wick_test_${randomBytes(6).toString('hex')}`;
  const options = connectionTo(server, database);
  await withAdmin(server, async (admin) => {
    const template = migrated ? await ensureTemplate(admin, server) : 'template0';
    await admin.query(`create database ${database} template ${template}`);
  });
  return options;
}

async function dropTestDatabase(server: PostgresServer, database: string): Promise<void> {
  await withAdmin(server, async (admin) => {
    // A slot that a test left would keep the database, and WAL, for ever.
    await admin.query(
      `select pg_drop_replication_slot(slot_name) from pg_replication_slots
       where database = $1 and not active`,
      [database],
    );
    await admin.query(`drop database ${database} with (force)`);
  });
}

/** Built under another name and renamed, so that a half-made template is never cloned. */
async function ensureTemplate(admin: pg.Client, server: PostgresServer): Promise<string> {
  const template = `wick_template_${await migrationsHash()}`;
  await admin.query('select pg_advisory_lock($1)', [TEMPLATE_LOCK]);
  const found = await admin.query('select 1 from pg_database where datname = $1', [template]);
  if (found.rowCount === 0) {
    const building = `${template}_building`;
    await admin.query(`drop database if exists ${building} with (force)`);
    await admin.query(`create database ${building} template template0`);
    const pool = createPostgresPool(connectionTo(server, building));
    await migratePostgres(pool, CDC_TEST_LOGIN);
    await pool.end();
    await admin.query(`alter database ${building} rename to ${template}`);
  }
  await admin.query('select pg_advisory_unlock($1)', [TEMPLATE_LOCK]);
  return template;
}

async function migrationsHash(): Promise<string> {
  const hash = createHash('sha256');
  for (const name of (await readdir(SQL_DIRECTORY)).sort()) {
    hash.update(name).update(await readFile(join(SQL_DIRECTORY, name)));
  }
  return hash.digest('hex').slice(0, 12);
}

function connectionTo(server: PostgresServer, database: string): PostgresOptions {
  const { host, port, user, password } = server;
  return { host, port, user, password, database, applicationName: 'wick-test' };
}

async function withAdmin(
  server: PostgresServer,
  work: (admin: pg.Client) => Promise<void>,
): Promise<void> {
  const admin = new pg.Client(connectionTo(server, 'postgres'));
  await admin.connect();
  try {
    await work(admin);
  } finally {
    await admin.end();
  }
}

/**
 * Postgres through `pg`. numeric and int8 arrive as text, timestamptz as EpochMs: nothing exact
 * ever passes through a float. One pool per process; a client is never shared by parallel awaits.
 */
import pg from 'pg';
import { epochMs } from '#core/time.ts';
import type { Config } from './config.ts';
import { openSession, type Session } from './postgres-session.ts';

export { DatabaseError, type PoolClient, type QueryResult, type QueryResultRow } from 'pg';
export type { Session } from './postgres-session.ts';

const NUMERIC = 1700;
const INT8 = 20;
const TIMESTAMPTZ = 1184;

export interface PostgresOptions {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  readonly connectionsMax?: number;
}

const CONNECT_MS_MAX = 10_000;

/** Connections that are lent, and sessions that are not; `end()` closes both. */
export class Pool extends pg.Pool {
  readonly #config: pg.ClientConfig;
  readonly #sessions = new Set<Session>();
  #isEnding = false;

  constructor(config: pg.PoolConfig) {
    super(config);
    this.#config = config;
  }

  /** Opens a session beside the connections of the pool. @throws Error where the server is away. */
  async openSession(): Promise<Session> {
    const session = await openSession(this.#config);
    if (this.#isEnding) {
      await session.close();
      throw new Error('the pool has ended');
    }
    for (const other of this.#sessions) if (!other.isOpen()) this.#sessions.delete(other);
    this.#sessions.add(session);
    return session;
  }

  override async end(): Promise<void> {
    this.#isEnding = true;
    await Promise.all([...this.#sessions].map((session) => session.close()));
    await super.end();
  }
}

/** A pool; `end()` closes it. Connection errors of idle clients are handed to `onIdleError`. */
export function createPostgresPool(
  options: PostgresOptions,
  onIdleError: (error: Error) => void = () => undefined,
): Pool {
  const types = new pg.TypeOverrides();
  types.setTypeParser(NUMERIC, (text: string) => text);
  types.setTypeParser(INT8, (text: string) => text);
  types.setTypeParser(TIMESTAMPTZ, (text: string) =>
    Number.isNaN(Date.parse(text)) ? text : epochMs(Date.parse(text)),
  );
  const pool = new Pool({
    host: options.host,
    port: options.port,
    database: options.database,
    user: options.user,
    password: options.password,
    application_name: options.applicationName,
    max: options.connectionsMax ?? 4,
    connectionTimeoutMillis: CONNECT_MS_MAX,
    options: '-c timezone=UTC -c intervalstyle=iso_8601',
    types,
  });
  // An idle client's lost connection is not fatal: the pool replaces it on next use.
  pool.on('error', onIdleError);
  // A client in use meets its lost connection at its query; unheard, the event would end the process.
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

/** The owner's connection settings out of the configuration. */
export function postgresOptions(config: Config, applicationName: string): PostgresOptions {
  return {
    host: config.DB_HOST,
    port: config.DB_PORT,
    database: config.DB_NAME,
    user: config.DB_USER,
    password: config.DB_PASSWORD,
    applicationName,
  };
}

/** Runs `work` in one transaction; rolls back when it throws. */
export async function inTransaction<T>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('begin');
    const result = await work(client);
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch((rollbackError: Error) => {
      broken = rollbackError;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}

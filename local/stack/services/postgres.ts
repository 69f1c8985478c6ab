/**
 * Postgres 18 as a child process on loopback TCP. In: binaries, an empty or earlier data folder, a
 * password. Out: a running server with `wal_level=logical` and the database made. It refuses to run
 * as root, so there it runs as an unprivileged user that owns its data folder.
 */
import { spawn } from 'node:child_process';
import { access, chown, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { AppError } from '#core/errors.ts';
import { childEnv, startProcess, type ManagedProcess } from '../managed-process.ts';
import type { ServicePlace } from './service.ts';

export interface PostgresServerOptions {
  /** Directory that holds `bin/postgres`. */
  readonly binaries: string;
  readonly place: ServicePlace;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Set where we are root. */
  readonly runAs: { readonly uid: number; readonly gid: number } | null;
  /** Further `name=value` settings. */
  readonly settings?: readonly string[];
}

const READY_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 20_000;
const INITDB_TIMEOUT_MS = 60_000;

const SETTINGS = [
  'listen_addresses=127.0.0.1',
  'unix_socket_directories=',
  'wal_level=logical',
  'max_wal_senders=10',
  'max_replication_slots=10',
  // A dead connector must not fill the disk: past this its slot is lost, loudly.
  'max_slot_wal_keep_size=4GB',
  'max_connections=60',
  'shared_buffers=64MB',
  'timezone=UTC',
  'log_timezone=UTC',
  'jit=off',
];

/** @throws AppError WICK_LOCAL_ENGINE_FAILED when initdb or the server fails. */
export async function startPostgres(options: PostgresServerOptions): Promise<ManagedProcess> {
  await initialise(options);
  const server = await startProcess({
    name: 'postgres',
    command: join(options.binaries, 'bin', 'postgres'),
    args: [
      '-D',
      options.place.dataDir,
      '-p',
      String(options.port),
      ...[...SETTINGS, ...(options.settings ?? [])].flatMap((setting) => ['-c', setting]),
    ],
    env: { LC_ALL: 'C' },
    cwd: '/',
    user: options.runAs,
    logFile: options.place.logFile,
    pidFile: options.place.pidFile,
    ready: () => accepts(options),
    readyTimeoutMs: READY_TIMEOUT_MS,
    stopSignal: 'SIGINT',
    stopTimeoutMs: STOP_TIMEOUT_MS,
  });
  try {
    await createDatabase(options);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

async function initialise(options: PostgresServerOptions): Promise<void> {
  const { dataDir } = options.place;
  const marker = join(dataDir, 'wickstream.complete');
  if (await exists(marker)) return;
  // Without the marker an earlier initdb was cut off: nothing in there was ever used.
  await rm(dataDir, { recursive: true, force: true });
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const passwordFile = `${dataDir}.password`;
  await writeFile(passwordFile, options.password, { mode: 0o600 });
  if (options.runAs !== null) {
    await chown(dataDir, options.runAs.uid, options.runAs.gid);
    await chown(passwordFile, options.runAs.uid, options.runAs.gid);
  }
  try {
    await runInitdb(options, passwordFile);
    await writeFile(marker, '');
  } finally {
    await rm(passwordFile, { force: true });
  }
}

async function runInitdb(options: PostgresServerOptions, passwordFile: string): Promise<void> {
  const child = spawn(
    join(options.binaries, 'bin', 'initdb'),
    [
      `--pgdata=${options.place.dataDir}`,
      `--username=${options.user}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
    ],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: childEnv({ LC_ALL: 'C' }),
      cwd: '/',
      timeout: INITDB_TIMEOUT_MS,
      ...options.runAs,
    },
  );
  let output = '';
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString('utf8')).slice(-2000);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) {
    throw new AppError(
      'WICK_LOCAL_ENGINE_FAILED',
      `initdb could not make "${options.place.dataDir}" (exit ${code}): ${output.trim()}`,
    );
  }
}

async function accepts(options: PostgresServerOptions): Promise<boolean> {
  await withClient(options, 'postgres', (client) => client.query('select 1'));
  return true;
}

async function createDatabase(options: PostgresServerOptions): Promise<void> {
  await withClient(options, 'postgres', async (client) => {
    const found = await client.query('select 1 from pg_database where datname = $1', [
      options.database,
    ]);
    if (found.rowCount === 0) {
      await client.query(`create database ${client.escapeIdentifier(options.database)}`);
    }
  });
}

async function withClient(
  options: PostgresServerOptions,
  database: string,
  work: (client: pg.Client) => Promise<unknown>,
): Promise<void> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port: options.port,
    user: options.user,
    password: options.password,
    database,
    connectionTimeoutMillis: 2_000,
  });
  // A server that goes away while we ask is what the query's own error reports.
  client.on('error', () => undefined);
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/**
 * Postgres 18 as a child process on loopback TCP. In: binaries, an empty or earlier data folder, a
 * password. Out: a running server with `wal_level=logical` and the database made. It refuses to run
 * as root, so there it runs as an unprivileged user that owns its data folder.
 */
import { access, chown, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { runHelper } from '../helper-process.ts';
import { startProcess, type ManagedProcess } from '../managed-process.ts';
import { commandLine } from '../pid-file.ts';
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
  readonly signal?: AbortSignal | undefined;
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
  await dropStaleLock(options.place);
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
    signal: options.signal,
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
    await runHelper({
      failure: `initdb could not make "${dataDir}"`,
      command: join(options.binaries, 'bin', 'initdb'),
      args: [
        `--pgdata=${dataDir}`,
        `--username=${options.user}`,
        `--pwfile=${passwordFile}`,
        '--auth=scram-sha-256',
        '--encoding=UTF8',
        '--locale=C',
      ],
      env: { LC_ALL: 'C' },
      cwd: '/',
      user: options.runAs,
      pidFile: options.place.pidFile,
      timeoutMs: INITDB_TIMEOUT_MS,
      signal: options.signal,
    });
    await writeFile(marker, '');
  } finally {
    await rm(passwordFile, { force: true });
  }
}

/**
 * After a crash and a reboot the pid in an old lock file may belong to any program, and Postgres then
 * refuses to start. Whoever ran this stack before us is gone by now.
 */
async function dropStaleLock({ dataDir }: ServicePlace): Promise<void> {
  const lock = join(dataDir, 'postmaster.pid');
  const text = await readFile(lock, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (text === null) return;
  const command = await commandLine(Number.parseInt(text, 10));
  if (command === null || !command.includes(dataDir)) await rm(lock, { force: true });
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

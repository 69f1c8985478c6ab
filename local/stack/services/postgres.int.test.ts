import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { installEngines, type Engines } from '../../engines/install.ts';
import { resolveLayout } from '../layout.ts';
import type { ManagedProcess } from '../managed-process.ts';
import { commandLine, identify } from '../pid-file.ts';
import { freePort } from '../ports.ts';
import { stopStrays } from '../strays.ts';
import { startPostgres } from './postgres.ts';
import { servicePlace, type ServicePlace } from './service.ts';

const PASSWORD = 'postgres-test-password';
const { engineCache, unprivileged } = resolveLayout({
  checkout: join(import.meta.dirname, '..', '..', '..'),
  cacheDir: process.env['WICKSTREAM_CACHE_DIR'],
});

let engines: Engines;
let folder = '';
let place: ServicePlace;
let port = 0;
let server: ManagedProcess | null = null;

beforeAll(async () => {
  engines = await installEngines({ cacheDir: engineCache });
  folder = await mkdtemp(join(tmpdir(), 'wick (ویک) '));
  await chmod(folder, 0o755);
  for (const name of ['data', 'logs', 'run']) await mkdir(join(folder, name));
  place = servicePlace(
    { data: join(folder, 'data'), logs: join(folder, 'logs'), run: join(folder, 'run') },
    'postgres',
  );
  port = await freePort();
});

afterEach(async () => {
  await server?.stop();
  server = null;
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function start(signal?: AbortSignal): Promise<ManagedProcess> {
  server = await startPostgres({
    binaries: engines.postgres,
    place,
    port,
    user: 'wickstream',
    password: PASSWORD,
    database: 'wickstream',
    runAs: unprivileged,
    settings: ['fsync=off'],
    signal,
  });
  return server;
}

async function query(sql: string): Promise<unknown[]> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user: 'wickstream',
    password: PASSWORD,
    database: 'wickstream',
  });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

test('an abort during initdb leaves no process, and the next start begins anew', async () => {
  const abort = new AbortController();
  const starting = start(abort.signal);
  const refused = expect(starting).rejects.toThrow('enough');
  // The folder appears when initdb is about to run.
  while (!(await readdir(place.dataDir).catch((): string[] => [])).includes('base')) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  abort.abort(new Error('enough'));
  await refused;
  expect(await readdir(place.dataDir)).not.toContain('wickstream.complete');
  expect(await readdir(join(folder, 'data'))).toEqual(['postgres']);
  await stopStrays(join(folder, 'run'));
  await start();
  expect(await query('show wal_level')).toEqual([{ wal_level: 'logical' }]);
});

test('an initdb that was cut off half-way is begun anew', async () => {
  await rm(join(place.dataDir, 'wickstream.complete'), { force: true });
  await rm(join(place.dataDir, 'global'), { recursive: true });
  await start();
  expect(
    await query('select count(*)::int as n from pg_database where datname = $$wickstream$$'),
  ).toEqual([{ n: 1 }]);
});

test('what was written is there after a kill -9 and a start', async () => {
  const { pid, exited } = await start();
  await query('create table kept (n int)');
  await query('insert into kept values (42)');
  process.kill(pid, 'SIGKILL');
  await exited;
  await start();
  expect(await query('select n from kept')).toEqual([{ n: 42 }]);
});

test('a lock file whose pid is by now another program’s does not keep it from starting', async () => {
  // As the very user that Postgres runs as: only then does it believe the pid.
  const other: ChildProcess = spawn('sleep', ['600'], { stdio: 'ignore', ...unprivileged });
  await once(other, 'spawn');
  const lock = join(place.dataDir, 'postmaster.pid');
  await writeFile(lock, `${other.pid}\n${place.dataDir}\n0\n${port}\n\n127.0.0.1\n`);
  if (unprivileged !== null) await chown(lock, unprivileged.uid, unprivileged.gid);
  try {
    await start();
    expect(await query('select n from kept')).toEqual([{ n: 42 }]);
  } finally {
    other.kill('SIGKILL');
    await once(other, 'exit');
  }
});

test('it listens on the loopback only, and its password is on no command line', async () => {
  const { pid } = await start();
  expect(await query('show listen_addresses')).toEqual([{ listen_addresses: '127.0.0.1' }]);
  expect(await query('show unix_socket_directories')).toEqual([{ unix_socket_directories: '' }]);
  expect(await commandLine(pid)).not.toContain(PASSWORD);
  const log = stripVTControlCharacters(await readFile(place.logFile, 'utf8'));
  expect(log).not.toContain(PASSWORD);
  expect(await readdir(join(folder, 'data'))).toEqual(['postgres']);
  expect((await stat(place.dataDir)).mode & 0o077).toBe(0);
});

test('one whose pid file was never written is found and ended', async () => {
  const { pid, exited } = await start();
  await rm(place.pidFile);
  expect(await stopStrays(join(folder, 'run'))).toContain('postgres');
  await exited;
  expect(await identify(pid)).toBeNull();
});

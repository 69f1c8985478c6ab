/**
 * A Postgres server of this file's own, which is filled up, set back and replaced. Its slot must be told
 * about before and after it is lost; a server whose WAL went back must be refused until an epoch begins.
 */
import { chmod, chown, cp, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { systemClock } from '#platform/clock.ts';
import {
  clickHouseOptions,
  createClickHouse,
  type ClickHouseClient,
} from '#platform/clickhouse.ts';
import { migrateClickHouse } from '#platform/migrate-clickhouse.ts';
import { createPostgresPool, type Pool } from '#platform/postgres.ts';
import {
  judge,
  knownSources,
  lookAround,
  lookAtPostgres,
  type CaptureFinding,
} from '../../connectors/index.ts';
import { installEngines } from '../../local/engines/install.ts';
import { resolveLayout } from '../../local/stack/layout.ts';
import type { ManagedProcess } from '../../local/stack/managed-process.ts';
import { freePort } from '../../local/stack/ports.ts';
import { startPostgres } from '../../local/stack/services/postgres.ts';
import { servicePlace } from '../../local/stack/services/service.ts';
import { assertSameSource, assertSourceNotOlder } from '../../scripts/pipeline/change-source.ts';
import { liftWal } from '../../scripts/pipeline/epoch.ts';
import { startEngines } from '../support/engines.ts';

const PASSWORD = 'another-postgres-test';
const SLOT_MIB = 48;
const TEST_TIMEOUT_MS = 180_000;
const { engineCache, unprivileged } = resolveLayout({
  checkout: join(import.meta.dirname, '..', '..'),
  cacheDir: process.env['WICKSTREAM_CACHE_DIR'],
});

let folder = '';
let binaries = '';
let port = 0;
let server: ManagedProcess | null = null;
let pool: Pool;
let clickhouse: ClickHouseClient;

beforeAll(async () => {
  ({ postgres: binaries } = await installEngines({ cacheDir: engineCache }));
  const { config } = await startEngines(['clickhouse']);
  const database = { ...clickHouseOptions(config, 'test'), database: `another_${process.pid}` };
  await migrateClickHouse({ ...database, generated: [] });
  clickhouse = createClickHouse(database);
  port = await freePort();
});

afterAll(async () => {
  await clickhouse.command({ query: `drop database another_${process.pid}` });
  await clickhouse.close();
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wick-another-'));
  await chmod(folder, 0o755);
  for (const name of ['data', 'logs', 'run']) await mkdir(join(folder, name));
  await clickhouse.command({ query: 'truncate table change_sources' });
  await start();
});

afterEach(async () => {
  await stop();
  await rm(folder, { recursive: true, force: true });
});

const placeOf = (name: string) =>
  servicePlace(
    { data: join(folder, 'data'), logs: join(folder, 'logs'), run: join(folder, 'run') },
    name,
  );

/** @param name of its data folder: another name is another cluster. */
async function start(name = 'postgres'): Promise<void> {
  server = await startPostgres({
    binaries,
    place: placeOf(name),
    port,
    user: 'wickstream',
    password: PASSWORD,
    database: 'wickstream',
    runAs: unprivileged,
    settings: [`max_slot_wal_keep_size=${SLOT_MIB}MB`, 'fsync=off'],
  });
  pool = createPostgresPool({
    host: '127.0.0.1',
    port,
    user: 'wickstream',
    password: PASSWORD,
    database: 'wickstream',
    applicationName: 'test',
  });
}

async function stop(): Promise<void> {
  await pool.end();
  await server?.stop();
  server = null;
}

async function writeWal(mib: number): Promise<void> {
  await pool.query(
    `select pg_logical_emit_message(false, 'test', repeat('x', 1048576)) from generate_series(1, $1)`,
    [mib],
  );
}

async function findings(): Promise<readonly CaptureFinding[]> {
  // No Connect is needed to see what is wrong with a slot.
  const look = await lookAround(pool, { url: 'http://127.0.0.1:1' }, () => undefined);
  return judge(look, await knownSources(clickhouse, systemClock).read());
}

const kinds = async (): Promise<string[]> =>
  (await findings()).map(({ kind }) => kind).filter((kind) => kind !== 'connect_silent');

async function remember(): Promise<void> {
  const { source } = await lookAtPostgres(pool);
  await knownSources(clickhouse, systemClock).keep({
    ...source,
    lostAt: 0,
    recoveredAt: 0,
  });
}

test(
  'a slot that nobody reads is told about while it can be saved, and at once when it is lost',
  async () => {
    await pool.query(`select pg_create_logical_replication_slot('wickstream', 'pgoutput')`);
    expect(await kinds()).toEqual(['slot_idle']);
    await writeWal((SLOT_MIB * 2) / 3);
    expect(await kinds()).toEqual(['slot_idle', 'slot_running_out']);
    await writeWal(SLOT_MIB * 2);
    await pool.query('checkpoint');
    expect(await findings()).toContainEqual(
      expect.objectContaining({
        kind: 'slot_lost',
        graceMs: 0,
        what: expect.stringContaining('wal_removed'),
      }),
    );
  },
  TEST_TIMEOUT_MS,
);

test(
  'a restored backup is refused until its WAL is lifted above what was captured',
  async () => {
    await stop();
    const { dataDir } = placeOf('postgres');
    await cp(dataDir, `${dataDir}.backup`, { recursive: true, preserveTimestamps: true });
    await start();
    await writeWal(40);
    await remember();
    const before = await lookAtPostgres(pool);
    await stop();
    await rm(dataDir, { recursive: true });
    await cp(`${dataDir}.backup`, dataDir, { recursive: true, preserveTimestamps: true });
    await ownAgain(dataDir);
    await start();

    expect(await kinds()).toEqual(['source_older']);
    await expect(assertSourceNotOlder(pool, clickhouse)).rejects.toMatchObject({
      code: 'WICK_CDC_SOURCE_OLDER',
      message: expect.stringContaining('epoch begin'),
    });
    const lsn = await liftWal(pool, before.source.lsn, () => undefined);
    expect(lsn).toBeGreaterThan(before.source.lsn);
    await expect(assertSameSource(pool, clickhouse)).resolves.toBeUndefined();
    expect(await kinds()).toEqual([]);
  },
  TEST_TIMEOUT_MS,
);

test(
  'another cluster is refused, whether its WAL is behind or not',
  async () => {
    await remember();
    await stop();
    await start('other');
    await writeWal(40);
    expect(await kinds()).toContain('source_changed');
    const { source } = await lookAtPostgres(pool);
    await liftWal(pool, source.lsn + 1n, () => undefined);
    await expect(assertSameSource(pool, clickhouse)).rejects.toMatchObject({
      code: 'WICK_CDC_SOURCE_CHANGED',
    });
    await remember();
    await expect(assertSameSource(pool, clickhouse)).resolves.toBeUndefined();
  },
  TEST_TIMEOUT_MS,
);

test('what is too far to lift is refused before anything is written', async () => {
  const { source } = await lookAtPostgres(pool);
  const lifting = liftWal(pool, source.lsn + 2n ** 45n, () => undefined);
  await expect(lifting).rejects.toMatchObject({ message: expect.stringContaining('pg_resetwal') });
  expect((await lookAtPostgres(pool)).source.lsn).toBe(source.lsn);
});

/** A copy that root made belongs to root; Postgres runs as somebody else then. */
async function ownAgain(path: string): Promise<void> {
  if (unprivileged === null) return;
  const { uid, gid } = unprivileged;
  for (const entry of await readdir(path, { recursive: true })) {
    await chown(join(path, entry), uid, gid);
  }
  await chown(path, uid, gid);
  await chmod(path, 0o700);
}

import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { assertCluster, createKafka } from '#platform/kafka.ts';
import { createLogger } from '#platform/logger.ts';
import { installEngines, type Engines } from '../../engines/install.ts';
import { resolveLayout } from '../layout.ts';
import { commandLine } from '../pid-file.ts';
import type { ManagedProcess } from '../managed-process.ts';
import { freePort } from '../ports.ts';
import { startKafka } from './kafka.ts';
import { javaCommand, servicePlace, type ServicePlace } from './service.ts';

const CLUSTER = 'wickstreamTestCluster1';
const OTHER = 'anotherTestCluster1234';
const { engineCache } = resolveLayout({
  checkout: join(import.meta.dirname, '..', '..', '..'),
  cacheDir: process.env['WICKSTREAM_CACHE_DIR'],
});

let engines: Engines;
let folder = '';
let place: ServicePlace;
let port = 0;
let controllerPort = 0;
let broker: ManagedProcess | null = null;

beforeAll(async () => {
  engines = await installEngines({ cacheDir: engineCache });
  folder = await mkdtemp(join(tmpdir(), 'wick (ویک) '));
  for (const name of ['data', 'logs', 'run']) await mkdir(join(folder, name));
  place = servicePlace(
    { data: join(folder, 'data'), logs: join(folder, 'logs'), run: join(folder, 'run') },
    'kafka',
  );
  port = await freePort();
  controllerPort = await freePort();
});

afterEach(async () => {
  await broker?.stop();
  broker = null;
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function start(clusterId: string, signal?: AbortSignal): Promise<ManagedProcess> {
  broker = await startKafka({
    java: javaCommand(process.env),
    classPath: engines.kafkaClassPath,
    place,
    port,
    controllerPort,
    clusterId,
    signal,
  });
  return broker;
}

test('a format that was cut off leaves nothing that is taken for a broker’s', async () => {
  const abort = new AbortController();
  const refused = expect(start(CLUSTER, abort.signal)).rejects.toThrow('enough');
  while (!(await readdir(place.dataDir).catch((): string[] => [])).includes('format.properties')) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  abort.abort(new Error('enough'));
  await refused;
  expect(await readdir(place.dataDir)).not.toContain('log');

  // What an abrupt end may leave of both folders.
  await mkdir(join(place.dataDir, 'log.formatting'), { recursive: true });
  await writeFile(join(place.dataDir, 'log.formatting', 'meta.properties'), 'cluster.id=half\n');
  await mkdir(join(place.dataDir, 'log'));
  await start(CLUSTER);
  const meta = await readFile(join(place.dataDir, 'log', 'meta.properties'), 'utf8');
  expect(meta).toContain(`cluster.id=${CLUSTER}`);
  expect(await readdir(place.dataDir)).not.toContain('log.formatting');
});

test('a client refuses another cluster on its port, and all listens on the loopback', async () => {
  const { pid } = await start(CLUSTER);
  const kafka = createKafka({
    brokers: `127.0.0.1:${port}`,
    clientId: 'wickstream-test',
    logger: createLogger('test', 'silent'),
  });
  const admin = kafka.admin();
  await admin.connect();
  try {
    await assertCluster(admin, CLUSTER);
    await expect(assertCluster(admin, OTHER)).rejects.toMatchObject({
      code: 'WICK_LOCAL_WRONG_CLUSTER',
      message: `Kafka answers as cluster "${CLUSTER}", expected "${OTHER}"; check KAFKA_BROKERS and KAFKA_CLUSTER_ID`,
    });
  } finally {
    await admin.disconnect();
  }
  const properties = await readFile(join(place.dataDir, 'server.properties'), 'utf8');
  const listeners = properties.match(/:\/\/[^:,\n]*/g) ?? [];
  expect(listeners.length).toBeGreaterThan(0);
  expect(new Set(listeners)).toEqual(new Set(['://127.0.0.1']));
  // A Persian, Thai or Turkish machine must not show in file names and numbers.
  expect(await commandLine(pid)).toContain('-Duser.language=en');
});

test('data of another cluster are refused in one sentence, before anything starts', async () => {
  await expect(start(OTHER)).rejects.toMatchObject({
    code: 'WICK_LOCAL_WRONG_CLUSTER',
    message: `"${join(place.dataDir, 'log')}" belongs to Kafka cluster "${CLUSTER}", this stack is "${OTHER}"; restore its secrets.json, or remove all data with "wick reset"`,
  });
});

/**
 * The whole pipeline for one test file: real engines, a fresh database, fresh topics, a ClickHouse
 * database of its own, the schema that production makes. In: what the file provokes on purpose. Out:
 * clients, and our own processes as production runs them. At the end it fails on every log line that
 * nobody expected. One file at a time: topics, slot and group have fixed names.
 */
import { randomBytes } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect } from 'vitest';
import { GROUP_ANALYZER } from '#core/contracts/names.ts';
import {
  clickHouseOptions,
  createClickHouse,
  type ClickHouseClient,
} from '#platform/clickhouse.ts';
import { loadConfig, type Config } from '#platform/config.ts';
import { createKafka, type Admin, type Kafka } from '#platform/kafka.ts';
import { createLogger } from '#platform/logger.ts';
import { createPostgresPool, postgresOptions, type Pool } from '#platform/postgres.ts';
import { createRedis, type Redis } from '#platform/redis.ts';
import { waitFor } from '../../local/stack/wait.ts';
import { bootstrapPipeline } from '../../scripts/pipeline/bootstrap.ts';
import { activateConnector, removeConnectors, type ConnectorChanges } from './connector.ts';
import { startEngines, type TestEngines } from './engines.ts';
import { ENGINES, type EngineName } from './engines/engine-set.ts';
import { unexpectedEngineLines, unexpectedOwnLines } from './log-scan.ts';
import { startOwnProcess, type OwnProcess } from './own-process.ts';
import { recordTopic, type TopicRecorder } from './topic-recorder.ts';

export interface PipelineOptions {
  /** Log lines that this file provokes on purpose. */
  readonly expectedLogs?: readonly RegExp[];
}

export interface TestPipeline {
  readonly engines: TestEngines;
  readonly config: Config;
  /** Owner of the schema. */
  readonly pool: Pool;
  readonly kafka: Kafka;
  readonly admin: Admin;
  readonly clickhouse: ClickHouseClient;
  readonly redis: Redis;
  /** Registers pg-connector.json and waits until it runs. */
  activate(changes?: ConnectorChanges): Promise<void>;
  /** A reader of a topic from its beginning; closed with the file. */
  record(topic: string): Promise<TopicRecorder>;
  /** One more beside another needs an ANALYZER_HTTP_PORT of its own. */
  startAnalyzer(env?: Readonly<Record<string, string>>): Promise<OwnProcess>;
  /** The watchdog of change capture; resolves once it listens. */
  startWatchdog(): Promise<OwnProcess>;
  startScheduler(env: Readonly<Record<string, string>>): Promise<OwnProcess>;
  /** The recorded venue on a folder of candle CSVs. */
  startVenue(args: readonly string[]): Promise<OwnProcess>;
}

interface Opened extends Omit<TestPipeline, 'engines' | 'activate' | 'record' | `start${string}`> {
  readonly engines: TestEngines;
  readonly env: Readonly<Record<string, string>>;
  readonly logSizes: ReadonlyMap<EngineName, number>;
}

/** Our own processes, and where each begins. */
const ENTRIES = {
  analyzer: 'analyzer/main.ts',
  scheduler: 'scheduler/main.ts',
  venue: 'local/venues/main.ts',
  watchdog: 'scripts/wick.ts',
} as const;

const TIMEOUT_MS = 30_000;
const POOL_TIMEOUT_MS = 5_000;
const SILENT = createLogger('test', 'silent');

/** Call at the top of a test file; the result may be used inside its tests and hooks. */
export function usePipeline(options: PipelineOptions = {}): TestPipeline {
  let opened: Opened | undefined;
  const processes: OwnProcess[] = [];
  const recorders: TopicRecorder[] = [];

  const get = (): Opened => {
    if (opened === undefined) throw new Error('the pipeline exists only inside tests');
    return opened;
  };
  const startOwn = async (
    name: keyof typeof ENTRIES,
    env: Readonly<Record<string, string>>,
    path: string,
    args: readonly string[] = [],
    port?: string,
  ): Promise<OwnProcess> => {
    const { engines, env: own } = get();
    const { logs, run, folder, ports } = engines.set;
    const child = await startOwnProcess({
      name,
      entry: ENTRIES[name],
      args,
      env: { ...own, ...env },
      readyUrl: `http://127.0.0.1:${port ?? ports[name]}${path}`,
      folders: { logs, run, data: join(folder, 'data') },
    });
    processes.push(child);
    return child;
  };

  beforeAll(async () => {
    opened = await open();
  });

  afterAll(async () => {
    if (opened === undefined) return;
    const ends = await Promise.allSettled(processes.map((child) => child.stop()));
    await Promise.all(recorders.map((recorder) => recorder.close()));
    const unexpected = await scanLogs(opened, processes, options.expectedLogs ?? []);
    await close(opened);
    expect(unexpected, 'log lines that nobody expected').toEqual([]);
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  });

  return {
    get engines() {
      return get().engines;
    },
    get config() {
      return get().config;
    },
    get pool() {
      return get().pool;
    },
    get kafka() {
      return get().kafka;
    },
    get admin() {
      return get().admin;
    },
    get clickhouse() {
      return get().clickhouse;
    },
    get redis() {
      return get().redis;
    },
    activate: (changes) => {
      const { config, pool } = get();
      return activateConnector(
        config.CONNECT_URL,
        () => slotsAreFree(pool, config.DB_NAME),
        changes,
      );
    },
    record: async (topic) => {
      const recorder = await recordTopic(get().kafka, topic);
      recorders.push(recorder);
      return recorder;
    },
    startAnalyzer: (env = {}) =>
      startOwn('analyzer', env, '/health/ready', [], env['ANALYZER_HTTP_PORT']),
    startWatchdog: () => startOwn('watchdog', {}, '/health/live', ['watch']),
    startScheduler: (env) => startOwn('scheduler', env, '/health/live'),
    startVenue: (args) => {
      const port = String(get().engines.set.ports.venue);
      return startOwn('venue', {}, '/replay', ['--port', port, ...args]);
    },
  };
}

async function open(): Promise<Opened> {
  const engines = await startEngines(ENGINES);
  const logSizes = new Map<EngineName, number>();
  for (const engine of ENGINES) logSizes.set(engine, await sizeOf(logOf(engines, engine)));
  const env = {
    ...engines.set.env,
    CLICKHOUSE_DATABASE: `wick_test_${randomBytes(6).toString('hex')}`,
    LOG_LEVEL: 'info',
  };
  const config = loadConfig({ env });
  const kafka = createKafka({ brokers: config.KAFKA_BROKERS, clientId: 'test', logger: SILENT });
  const admin = kafka.admin();
  await admin.connect();
  const redis = createRedis(config, () => undefined);
  await redis.connect();
  await removeConnectors(config.CONNECT_URL);
  await forgetTopics(admin);
  await recreateDatabase(config);
  await redis.flushall();
  await bootstrapPipeline(config, SILENT);
  const pool = createPostgresPool(postgresOptions(config, 'test'));
  const clickhouse = createClickHouse(clickHouseOptions(config, 'test'));
  return { engines, config, env, kafka, admin, redis, pool, clickhouse, logSizes };
}

async function close(opened: Opened): Promise<void> {
  const { admin, clickhouse, config, pool, redis } = opened;
  await removeConnectors(config.CONNECT_URL);
  await clickhouse.command({ query: `drop database if exists ${config.CLICKHOUSE_DATABASE}` });
  await clickhouse.close();
  await endPool(pool);
  await admin.disconnect();
  redis.disconnect();
}

/** A client that a failed test never gave back would make it wait for ever. */
async function endPool(pool: Pool): Promise<void> {
  let ended = false;
  const ending = pool.end().then(() => (ended = true));
  await waitFor(async () => Promise.resolve(ended), {
    what: 'all Postgres clients to be given back',
    timeoutMs: POOL_TIMEOUT_MS,
  });
  await ending;
}

/** Deletes the pipeline's topics and the analyzer's group, so that all offsets start anew. */
async function forgetTopics(admin: Admin): Promise<void> {
  const ours = async (): Promise<string[]> =>
    (await admin.listTopics()).filter(
      (topic) => /^(wickstream|__debezium)/.test(topic) && !topic.startsWith('wickstream.connect.'),
    );
  const topics = await ours();
  if (topics.length > 0) await admin.deleteTopics({ topics });
  const gone = async (): Promise<boolean> => (await ours()).length === 0;
  await waitFor(gone, { what: 'topics to go', timeoutMs: TIMEOUT_MS });
  const { groups } = await admin.listGroups();
  if (groups.some(({ groupId }) => groupId === GROUP_ANALYZER)) {
    const deleted = async (): Promise<boolean> => {
      await admin.deleteGroups([GROUP_ANALYZER]);
      return true;
    };
    await waitFor(deleted, { what: 'the group to empty', timeoutMs: TIMEOUT_MS });
  }
}

/** Connect's environment names one database, so each file has that one made anew. */
async function recreateDatabase(config: Config): Promise<void> {
  const { DB_HOST: host, DB_PORT: port, DB_USER: user, DB_PASSWORD: password } = config;
  const client = new pg.Client({ host, port, user, password, database: 'postgres' });
  await client.connect();
  const name = client.escapeIdentifier(config.DB_NAME);
  try {
    const free = (): Promise<boolean> => slotsAreFree(client, config.DB_NAME);
    await waitFor(free, { what: 'slots to be let go', timeoutMs: TIMEOUT_MS });
    await client.query(
      'select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = $1',
      [config.DB_NAME],
    );
    await client.query(`drop database if exists ${name} with (force)`);
    await client.query(`create database ${name} template template0`);
  } finally {
    await client.end();
  }
}

async function slotsAreFree(client: pg.Client | Pool, database: string): Promise<boolean> {
  const slots = await client.query<{ active: boolean }>(
    'select active from pg_replication_slots where database = $1',
    [database],
  );
  return slots.rows.every(({ active }) => !active);
}

async function scanLogs(
  { engines, logSizes }: Opened,
  processes: readonly OwnProcess[],
  expected: readonly RegExp[],
): Promise<string[]> {
  const found: string[] = [];
  for (const child of processes) {
    const lines = unexpectedOwnLines(await child.readLog(), expected);
    found.push(...lines.map((line) => `${child.name}: ${line}`));
  }
  for (const engine of ENGINES) {
    const bytes = await readFile(logOf(engines, engine));
    const text = bytes.subarray(logSizes.get(engine)).toString('utf8');
    found.push(...unexpectedEngineLines(text, expected).map((line) => `${engine}: ${line}`));
  }
  return found;
}

function logOf(engines: TestEngines, engine: EngineName): string {
  return join(engines.set.logs, `${engine}.log`);
}

async function sizeOf(path: string): Promise<number> {
  return (await stat(path)).size;
}

/**
 * Where integration tests get their engines from: this run's own set, containers where a Docker
 * engine answers, else child processes. In: names of engines. Out: addresses, after a look at who
 * answers there. Never a running stack's; the keeper ends them after the run, however it went.
 */
import pg from 'pg';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { inject } from 'vitest';
import { loadConfig, type Config } from '#platform/config.ts';
import { assertCluster, createKafka } from '#platform/kafka.ts';
import { createLogger } from '#platform/logger.ts';
import type { EngineName } from './engines/engine-set.ts';
import {
  createKeeperClient,
  type EngineSetView,
  type KeeperClient,
} from './engines/keeper-client.ts';

/** Superuser login of a server with `wal_level=logical`. */
export interface PostgresServer {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
}

export interface TestEngines {
  readonly set: EngineSetView;
  /** The configuration of our own processes on these engines. */
  readonly config: Config;
  readonly keeper: KeeperClient;
}

/** Starts what does not run yet, and makes sure that it is ours which answers. */
export async function startEngines(names: readonly EngineName[]): Promise<TestEngines> {
  const keeper = createKeeperClient(inject('engineKeeper'));
  await Promise.all(names.map((name) => keeper.start(name)));
  const set = await keeper.readSet();
  const config = loadConfig({ env: set.env });
  const identity = await keeper.identity();
  if (names.includes('postgres')) await assertPostgres(config, identity.systemIdentifier);
  if (names.includes('kafka')) await assertKafka(config);
  if (names.includes('connect')) await assertConnect(config, identity.kafkaClusterId);
  // ClickHouse and Redis let nobody in who does not know this run's password.
  return { set, config, keeper };
}

/** The Postgres server of this run. */
export async function postgresServer(): Promise<PostgresServer> {
  const { config } = await startEngines(['postgres']);
  const { DB_HOST: host, DB_PORT: port, DB_USER: user, DB_PASSWORD: password } = config;
  return { host, port, user, password };
}

async function assertPostgres(config: Config, expected: string | null): Promise<void> {
  const { DB_HOST: host, DB_PORT: port, DB_USER: user, DB_PASSWORD: password } = config;
  const client = new pg.Client({ host, port, user, password, database: 'postgres' });
  await client.connect();
  try {
    const found = await client.query<{ id: string }>(
      'select system_identifier::text as id from pg_control_system()',
    );
    const id = found.rows[0]?.id;
    if (id !== expected) {
      throw new Error(`Postgres on port ${port} is system "${id}", ours is "${expected}"`);
    }
  } finally {
    await client.end();
  }
}

async function assertKafka(config: Config): Promise<void> {
  const logger = createLogger('test', 'silent');
  const admin = createKafka({ brokers: config.KAFKA_BROKERS, clientId: 'test', logger }).admin();
  await admin.connect();
  try {
    await assertCluster(admin, config.KAFKA_CLUSTER_ID);
  } finally {
    await admin.disconnect();
  }
}

async function assertConnect(config: Config, expected: string): Promise<void> {
  const response = await fetch(config.CONNECT_URL);
  const worker = Value.Parse(
    Type.Object({ kafka_cluster_id: Type.String() }),
    await response.json(),
  );
  if (worker.kafka_cluster_id !== expected) {
    throw new Error(
      `Kafka Connect at ${config.CONNECT_URL} works for cluster "${worker.kafka_cluster_id}", ours is "${expected}"`,
    );
  }
}

/**
 * Kafka Connect in distributed mode with the Debezium plugin, as a child process. In: class path,
 * plugin folder, broker, the five variables that pg-connector.json may read. Out: its REST answers.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startProcess, type ManagedProcess } from '../managed-process.ts';
import { JAVA_ENV, javaArguments, propertiesText } from './java-service.ts';
import type { ServicePlace } from './service.ts';

export interface ConnectServerOptions {
  readonly java: string;
  readonly classPath: string;
  readonly plugins: string;
  readonly place: ServicePlace;
  readonly port: number;
  readonly kafkaPort: number;
  /** What `${env:…}` in a connector file may name; nothing else is readable. */
  readonly connectorEnv: {
    readonly DB_HOST: string;
    readonly DB_PORT: string;
    readonly DB_NAME: string;
    readonly CDC_USER: string;
    readonly CDC_PASSWORD: string;
  };
  readonly signal?: AbortSignal | undefined;
}

/** The same pattern stands in docker-compose.yml. */
export const CONNECTOR_ENV_ALLOWLIST = '^(CDC_USER|CDC_PASSWORD|DB_HOST|DB_PORT|DB_NAME)$';

const READY_TIMEOUT_MS = 90_000;
const STOP_TIMEOUT_MS = 20_000;

export async function startConnect(options: ConnectServerOptions): Promise<ManagedProcess> {
  const { dataDir } = options.place;
  await mkdir(dataDir, { recursive: true });
  const properties = join(dataDir, 'worker.properties');
  await writeFile(properties, workerProperties(options));
  return startProcess({
    name: 'connect',
    command: options.java,
    args: [
      ...(await javaArguments(dataDir, 'WARN')),
      '-Xms128m',
      '-Xmx288m',
      '-XX:+UseSerialGC',
      '-XX:+ExitOnOutOfMemoryError',
      '-cp',
      options.classPath,
      'org.apache.kafka.connect.cli.ConnectDistributed',
      properties,
    ],
    env: { ...JAVA_ENV, ...options.connectorEnv },
    cwd: dataDir,
    logFile: options.place.logFile,
    pidFile: options.place.pidFile,
    ready: () => answers(options.port),
    readyTimeoutMs: READY_TIMEOUT_MS,
    stopSignal: 'SIGTERM',
    stopTimeoutMs: STOP_TIMEOUT_MS,
    signal: options.signal,
  });
}

function workerProperties(options: ConnectServerOptions): string {
  const kafka = `127.0.0.1:${options.kafkaPort}`;
  return propertiesText({
    'bootstrap.servers': kafka,
    'group.id': 'wickstream-connect',
    listeners: `http://127.0.0.1:${options.port}`,
    'rest.advertised.host.name': '127.0.0.1',
    'rest.advertised.port': options.port,
    'plugin.path': options.plugins,
    'plugin.discovery': 'service_load',
    'key.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'key.converter.schemas.enable': 'false',
    'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'value.converter.schemas.enable': 'false',
    'config.storage.topic': 'wickstream.connect.configs',
    'config.storage.replication.factor': '1',
    'offset.storage.topic': 'wickstream.connect.offsets',
    'offset.storage.replication.factor': '1',
    'offset.storage.partitions': '1',
    'status.storage.topic': 'wickstream.connect.status',
    'status.storage.replication.factor': '1',
    'status.storage.partitions': '1',
    // Debezium confirms to Postgres only what was flushed here, so a short interval bounds redelivery.
    'offset.flush.interval.ms': '1000',
    'connector.client.config.override.policy': 'All',
    'config.providers': 'env',
    'config.providers.env.class': 'org.apache.kafka.common.config.provider.EnvVarConfigProvider',
    'config.providers.env.param.allowlist.pattern': CONNECTOR_ENV_ALLOWLIST,
    'scheduled.rebalance.max.delay.ms': '0',
  });
}

async function answers(port: number): Promise<boolean> {
  const response = await fetch(`http://127.0.0.1:${port}/connectors`, {
    signal: AbortSignal.timeout(2_000),
  });
  await response.arrayBuffer();
  return response.ok;
}

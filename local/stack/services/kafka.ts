/**
 * One Kafka broker in KRaft mode as a child process on loopback. In: class path, data folder,
 * cluster id. Out: a broker that answers with that cluster id.
 */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '#core/errors.ts';
import { createKafka } from '#platform/kafka.ts';
import { createLogger } from '#platform/logger.ts';
import { runHelper } from '../helper-process.ts';
import { startProcess, type ManagedProcess } from '../managed-process.ts';
import { JAVA_ENV, javaArguments, propertiesText } from './java-service.ts';
import type { ServicePlace } from './service.ts';

export interface KafkaServerOptions {
  readonly java: string;
  readonly classPath: string;
  readonly place: ServicePlace;
  readonly port: number;
  readonly controllerPort: number;
  /** Base64 uuid; a client that finds another one refuses to talk. */
  readonly clusterId: string;
  readonly signal?: AbortSignal | undefined;
}

const READY_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 30_000;
const FORMAT_TIMEOUT_MS = 60_000;
const NODE_ID = 1;

/** @throws AppError WICK_LOCAL_ENGINE_FAILED when formatting or the broker fails. */
export async function startKafka(options: KafkaServerOptions): Promise<ManagedProcess> {
  const { dataDir } = options.place;
  await mkdir(dataDir, { recursive: true });
  const properties = join(dataDir, 'server.properties');
  const java = await javaArguments(dataDir, 'WARN');
  await writeFile(properties, brokerProperties(options, join(dataDir, 'log')));
  await format(options, java);
  return startProcess({
    name: 'kafka',
    command: options.java,
    args: [
      ...java,
      '-Xms192m',
      '-Xmx384m',
      '-XX:+UseSerialGC',
      '-XX:+ExitOnOutOfMemoryError',
      '-cp',
      options.classPath,
      'kafka.Kafka',
      properties,
    ],
    env: JAVA_ENV,
    cwd: dataDir,
    logFile: options.place.logFile,
    pidFile: options.place.pidFile,
    ready: () => answersAs(options.port, options.clusterId),
    readyTimeoutMs: READY_TIMEOUT_MS,
    stopSignal: 'SIGTERM',
    stopTimeoutMs: STOP_TIMEOUT_MS,
    signal: options.signal,
  });
}

function brokerProperties(options: KafkaServerOptions, logDir: string): string {
  const listener = `127.0.0.1:${options.port}`;
  const controller = `127.0.0.1:${options.controllerPort}`;
  return propertiesText({
    'process.roles': 'broker,controller',
    'node.id': NODE_ID,
    'controller.quorum.voters': `${NODE_ID}@${controller}`,
    listeners: `PLAINTEXT://${listener},CONTROLLER://${controller}`,
    'advertised.listeners': `PLAINTEXT://${listener}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': logDir,
    'auto.create.topics.enable': 'false',
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '1',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '1',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    'share.coordinator.state.topic.num.partitions': '1',
    'group.initial.rebalance.delay.ms': '0',
    'num.network.threads': '2',
    'num.io.threads': '4',
    'message.max.bytes': '25000000',
    'log.segment.bytes': '134217728',
  });
}

/**
 * Gives the log folder its cluster id, once. The folder appears whole by a rename, so a format that
 * was cut off leaves nothing that a broker would take for its own.
 */
async function format(options: KafkaServerOptions, java: readonly string[]): Promise<void> {
  const { dataDir } = options.place;
  const logDir = join(dataDir, 'log');
  const found = await readClusterId(logDir);
  if (found === options.clusterId) return;
  if (found !== null) {
    throw new AppError(
      'WICK_LOCAL_WRONG_CLUSTER',
      `"${logDir}" belongs to Kafka cluster "${found}", this stack is "${options.clusterId}"; restore its secrets.json, or remove all data with "wick reset"`,
    );
  }
  await rm(logDir, { recursive: true, force: true });
  const staging = join(dataDir, 'log.formatting');
  await rm(staging, { recursive: true, force: true });
  const properties = join(dataDir, 'format.properties');
  await writeFile(properties, brokerProperties(options, staging));
  await runHelper({
    failure: `Kafka could not format "${logDir}"`,
    command: options.java,
    args: [
      ...java,
      '-cp',
      options.classPath,
      'kafka.tools.StorageTool',
      'format',
      // In one word: an id may begin with "-".
      `--cluster-id=${options.clusterId}`,
      '-c',
      properties,
    ],
    env: JAVA_ENV,
    pidFile: options.place.pidFile,
    timeoutMs: FORMAT_TIMEOUT_MS,
    signal: options.signal,
  });
  await rename(staging, logDir);
}

/** The cluster id of a formatted folder; null where there is none. */
async function readClusterId(logDir: string): Promise<string | null> {
  const text = await readFile(join(logDir, 'meta.properties'), 'utf8').catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    },
  );
  return text === null ? null : (/^cluster\.id=(.*)$/m.exec(text)?.[1] ?? null);
}

async function answersAs(port: number, clusterId: string): Promise<boolean> {
  // Refused connections are what waiting looks like: nothing of it is worth a log line.
  const logger = createLogger('kafka-ready', 'silent');
  const kafka = createKafka({ brokers: `127.0.0.1:${port}`, clientId: 'wickstream-ready', logger });
  const admin = kafka.admin({ retry: { retries: 0 } });
  try {
    await admin.connect();
    const cluster = await admin.describeCluster();
    return cluster.clusterId === clusterId && cluster.brokers.length > 0;
  } finally {
    await admin.disconnect();
  }
}

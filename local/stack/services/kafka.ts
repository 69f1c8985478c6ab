/**
 * One Kafka broker in KRaft mode as a child process on loopback. In: class path, data folder,
 * cluster id. Out: a broker that answers with that cluster id.
 */
import { spawn } from 'node:child_process';
import { access, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '#core/errors.ts';
import { createKafka } from '#platform/kafka.ts';
import { createLogger } from '#platform/logger.ts';
import { childEnv, startProcess, type ManagedProcess } from '../managed-process.ts';
import type { ServicePlace } from './service.ts';

export interface KafkaServerOptions {
  readonly java: string;
  readonly classPath: string;
  readonly place: ServicePlace;
  readonly port: number;
  readonly controllerPort: number;
  /** Base64 uuid; a client that finds another one refuses to talk. */
  readonly clusterId: string;
}

const READY_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 30_000;
const NODE_ID = 1;

/** @throws AppError WICK_LOCAL_ENGINE_FAILED when formatting or the broker fails. */
export async function startKafka(options: KafkaServerOptions): Promise<ManagedProcess> {
  const { dataDir } = options.place;
  await mkdir(dataDir, { recursive: true });
  const properties = join(dataDir, 'server.properties');
  const logConfig = join(dataDir, 'log4j2.properties');
  await writeFile(properties, brokerProperties(options));
  await writeFile(logConfig, log4jProperties('WARN'));
  await format(options, properties, logConfig);
  return startProcess({
    name: 'kafka',
    command: options.java,
    args: [
      '-Xms192m',
      '-Xmx384m',
      '-XX:+UseSerialGC',
      '-XX:+ExitOnOutOfMemoryError',
      `-Dlog4j2.configurationFile=${logConfig}`,
      '-cp',
      options.classPath,
      'kafka.Kafka',
      properties,
    ],
    cwd: dataDir,
    logFile: options.place.logFile,
    pidFile: options.place.pidFile,
    ready: () => answersAs(options.port, options.clusterId),
    readyTimeoutMs: READY_TIMEOUT_MS,
    stopSignal: 'SIGTERM',
    stopTimeoutMs: STOP_TIMEOUT_MS,
  });
}

/** log4j2 settings that print to the service's log file. */
export function log4jProperties(level: 'ERROR' | 'WARN' | 'INFO'): string {
  return [
    `rootLogger.level=${level}`,
    'rootLogger.appenderRefs=out',
    'rootLogger.appenderRef.out.ref=out',
    'appenders=out',
    'appender.out.type=Console',
    'appender.out.name=out',
    'appender.out.layout.type=PatternLayout',
    'appender.out.layout.pattern=%d{ISO8601} %-5p %c: %m%n',
    '',
  ].join('\n');
}

function brokerProperties(options: KafkaServerOptions): string {
  const listener = `127.0.0.1:${options.port}`;
  const controller = `127.0.0.1:${options.controllerPort}`;
  return [
    'process.roles=broker,controller',
    `node.id=${NODE_ID}`,
    `controller.quorum.voters=${NODE_ID}@${controller}`,
    `listeners=PLAINTEXT://${listener},CONTROLLER://${controller}`,
    `advertised.listeners=PLAINTEXT://${listener}`,
    'controller.listener.names=CONTROLLER',
    'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    `log.dirs=${join(options.place.dataDir, 'log')}`,
    'auto.create.topics.enable=false',
    'offsets.topic.replication.factor=1',
    'offsets.topic.num.partitions=1',
    'transaction.state.log.replication.factor=1',
    'transaction.state.log.min.isr=1',
    'transaction.state.log.num.partitions=1',
    'share.coordinator.state.topic.replication.factor=1',
    'share.coordinator.state.topic.min.isr=1',
    'share.coordinator.state.topic.num.partitions=1',
    'group.initial.rebalance.delay.ms=0',
    'num.network.threads=2',
    'num.io.threads=4',
    'message.max.bytes=25000000',
    'log.segment.bytes=134217728',
    '',
  ].join('\n');
}

async function format(
  options: KafkaServerOptions,
  properties: string,
  logConfig: string,
): Promise<void> {
  const logDir = join(options.place.dataDir, 'log');
  const formatted = await access(join(logDir, 'meta.properties')).then(
    () => true,
    () => false,
  );
  if (formatted) return;
  // Without meta.properties a format was cut off: the folder holds nothing.
  await rm(logDir, { recursive: true, force: true });
  const child = spawn(
    options.java,
    [
      `-Dlog4j2.configurationFile=${logConfig}`,
      '-cp',
      options.classPath,
      'kafka.tools.StorageTool',
      'format',
      '-t',
      options.clusterId,
      '-c',
      properties,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], env: childEnv() },
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
      `Kafka could not format "${logDir}" (exit ${code}): ${output.trim()}`,
    );
  }
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

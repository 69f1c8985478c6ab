/**
 * The only module that knows kafkajs. Its logs go to ours, level by level, but for what is named here
 * as harmless; the timer warning it raises on current Node is filtered by name (kafkajs#1751); a
 * client refuses any cluster but its own.
 */
import { Kafka, logLevel, type Admin, type LogEntry } from 'kafkajs';
import { AppError } from '#core/errors.ts';
import type { Logger } from './logger.ts';

export type { Admin, Consumer, EachBatchPayload, Kafka, KafkaMessage, Producer } from 'kafkajs';

export interface KafkaOptions {
  readonly brokers: string;
  readonly clientId: string;
  readonly logger: Logger;
}

/** kafkajs reports these at ERROR although it then retries by itself. */
const RETRIED =
  /The group is rebalancing|coordinator is (?:loading|not available)|not the leader|Connection (?:error|timeout)/;

/** Beginnings of what kafkajs reports at WARN although all is as it should be. */
const HARMLESS_WARNINGS = [
  // A member came or went, and kafkajs joins the group anew; what was consumed meanwhile and not
  // committed is delivered again, which changes nothing.
  'The group is rebalancing, re-joining',
  // Addressed to whoever comes from version 1. Which partition a dead letter goes to means nothing,
  // and nothing else is produced.
  'KafkaJS v2.0.0 switched default partitioner.',
] as const;

export function createKafka(options: KafkaOptions): Kafka {
  filterTimerWarning();
  return new Kafka({
    clientId: options.clientId,
    brokers: options.brokers.split(',').map((broker) => broker.trim()),
    connectionTimeout: 5_000,
    requestTimeout: 30_000,
    retry: { retries: 8, initialRetryTime: 200, maxRetryTime: 10_000 },
    logLevel: logLevel.WARN,
    logCreator: () => (entry) => writeLog(options.logger, entry),
  });
}

/**
 * @throws AppError WICK_LOCAL_WRONG_CLUSTER when another cluster answers than the one expected:
 * a port that some other program took over must not receive anyone's data.
 */
export async function assertCluster(
  admin: Pick<Admin, 'describeCluster'>,
  expected: string,
): Promise<void> {
  if (expected === '') return;
  const { clusterId } = await admin.describeCluster();
  if (clusterId !== expected) {
    throw new AppError(
      'WICK_LOCAL_WRONG_CLUSTER',
      `Kafka answers as cluster "${clusterId}", expected "${expected}"; check KAFKA_BROKERS and KAFKA_CLUSTER_ID`,
    );
  }
}

function writeLog(logger: Logger, { level, log, namespace }: LogEntry): void {
  const { message, timestamp: _timestamp, logger: _name, ...fields } = log;
  const entry = { namespace, ...fields };
  if (level === logLevel.ERROR) {
    const isRetried = RETRIED.test(`${message} ${String(fields['error'] ?? '')}`);
    logger[isRetried ? 'debug' : 'error'](entry, message);
  } else if (level === logLevel.WARN) {
    const isHarmless = HARMLESS_WARNINGS.some((begin) => message.startsWith(begin));
    logger[isHarmless ? 'debug' : 'warn'](entry, message);
  } else {
    logger.trace(entry, message);
  }
}

let filtered = false;

function filterTimerWarning(): void {
  if (filtered) return;
  filtered = true;
  const emit = process.emitWarning.bind(process);
  const filter = (warning: string | Error, ...rest: unknown[]): void => {
    const name = warning instanceof Error ? warning.name : String(rest[0]);
    if (name !== 'TimeoutNegativeWarning') Reflect.apply(emit, process, [warning, ...rest]);
  };
  process.emitWarning = filter;
}

/**
 * The only module that knows kafkajs. Its logs go to ours; the timer warning it raises on current
 * Node is filtered by name (kafkajs#1751); a client refuses any cluster but its own.
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
  /The group is rebalancing|coordinator is loading|not the leader|Connection (?:error|timeout)/;

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
  if (level === logLevel.ERROR && !RETRIED.test(`${message} ${String(fields['error'] ?? '')}`)) {
    logger.error(entry, message);
  } else if (level === logLevel.ERROR || level === logLevel.WARN) {
    logger.debug(entry, message);
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

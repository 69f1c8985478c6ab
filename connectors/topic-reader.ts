/**
 * Reads what a topic holds at this moment, once, from its beginning. In: a topic. Out: each message, in
 * order within its partition; resolves at the end that the topic had when it was called. It commits
 * nothing and leaves no group behind.
 */
import { randomUUID } from 'node:crypto';
import { AppError, errorText } from '#core/errors.ts';
import type { Admin, Consumer, EachBatchPayload, Kafka } from '#platform/kafka.ts';

export interface TopicAccess {
  readonly kafka: Pick<Kafka, 'consumer'>;
  /** Connected. */
  readonly admin: Pick<Admin, 'fetchTopicOffsets' | 'deleteGroups'>;
}

export type TopicMessage = EachBatchPayload['batch']['messages'][number];
export type OnMessage = (message: TopicMessage, partition: number) => Promise<void> | void;

/** Longest time without a message while some are to come, ms. */
const IDLE_MAX_MS = 30_000;
/** A record of any size that brokers are told to take comes alone where it is larger. */
const FETCH_BYTES = 8 * 1024 * 1024;

/** @throws AppError WICK_STORE_UNREACHABLE when the broker falls silent. */
export async function readTopic(
  { kafka, admin }: TopicAccess,
  topic: string,
  onMessage: OnMessage,
): Promise<void> {
  const ends = new Map<number, bigint>();
  for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
    if (BigInt(high) > BigInt(low)) ends.set(partition, BigInt(high));
  }
  if (ends.size === 0) return;
  const groupId = `wick-reader-${randomUUID()}`;
  const consumer = kafka.consumer({
    groupId,
    maxBytesPerPartition: FETCH_BYTES,
    maxWaitTimeInMs: 100,
    retry: { retries: 5, restartOnFailure: async () => Promise.resolve(false) },
  });
  try {
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await untilRead(consumer, { topic, ends, onMessage });
  } finally {
    await consumer.disconnect();
    await admin.deleteGroups([groupId]).catch((error: unknown) => {
      // Without members and offsets the broker forgets it by itself.
      if (error instanceof Error && error.name.startsWith('KafkaJS')) return;
      throw error;
    });
  }
}

interface Reading {
  readonly topic: string;
  /** Where each partition that holds something ends; those that are read are taken out. */
  readonly ends: Map<number, bigint>;
  readonly onMessage: OnMessage;
}

async function untilRead(consumer: Consumer, reading: Reading): Promise<void> {
  const { topic, ends } = reading;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(() => reject(silent(topic, ends)), IDLE_MAX_MS);
  consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
  await consumer.run({
    autoCommit: false,
    partitionsConsumedConcurrently: 1,
    eachBatch: async (payload) => {
      try {
        await readBatch(payload, reading, () => timer.refresh());
        if (ends.size === 0) resolve();
      } catch (error) {
        // kafkajs would hand the batch over again: whoever reads is to hear of it.
        reject(error instanceof Error ? error : new Error(errorText(error)));
      }
    },
  });
  try {
    await promise;
  } finally {
    clearTimeout(timer);
  }
}

async function readBatch(
  payload: EachBatchPayload,
  { ends, onMessage }: Reading,
  progress: () => void,
): Promise<void> {
  const { batch } = payload;
  const end = ends.get(batch.partition);
  if (end === undefined) return;
  for (const message of batch.messages) {
    if (BigInt(message.offset) >= end) break;
    progress();
    await onMessage(message, batch.partition);
    await payload.heartbeat();
  }
  if (BigInt(batch.lastOffset()) + 1n >= end) ends.delete(batch.partition);
}

function silent(topic: string, ends: ReadonlyMap<number, bigint>): AppError {
  return new AppError(
    'WICK_STORE_UNREACHABLE',
    `Kafka told nothing more of the topic "${topic}" for ${IDLE_MAX_MS / 1000} s, with ${ends.size} partitions not read to their end; look at its log and run again`,
    { retryable: true },
  );
}

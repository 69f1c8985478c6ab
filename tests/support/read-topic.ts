/**
 * All that a topic holds at this moment, as bytes, in order within each partition. In: a topic. Out: its
 * messages. For tests; what is written meanwhile may be left out.
 */
import { randomUUID } from 'node:crypto';
import type { Admin, Kafka } from '#platform/kafka.ts';
import { waitFor } from '../../local/stack/wait.ts';

export interface TopicMessage {
  readonly partition: number;
  readonly key: string;
  readonly value: Buffer;
}

const TIMEOUT_MS = 40_000;

export async function readTopic(
  { kafka, admin }: { readonly kafka: Kafka; readonly admin: Admin },
  topic: string,
): Promise<readonly TopicMessage[]> {
  const ends = await admin.fetchTopicOffsets(topic);
  const missing = new Map(
    ends.filter(({ high }) => high !== '0').map((end) => [end.partition, BigInt(end.high)]),
  );
  const messages: TopicMessage[] = [];
  if (missing.size === 0) return messages;
  const groupId = `read-topic-${randomUUID()}`;
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 50 });
  await consumer.connect();
  try {
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({ partition, message }) => {
        const { key, value, offset } = message;
        messages.push({ partition, key: String(key), value: value ?? Buffer.alloc(0) });
        if (BigInt(offset) + 1n >= (missing.get(partition) ?? 0n)) missing.delete(partition);
        await Promise.resolve();
      },
    });
    const all = async (): Promise<boolean> => Promise.resolve(missing.size === 0);
    await waitFor(all, { what: `all of ${topic}`, timeoutMs: TIMEOUT_MS });
  } finally {
    await consumer.disconnect();
  }
  return messages;
}

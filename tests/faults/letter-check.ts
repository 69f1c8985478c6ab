/**
 * I7: as many dead letters as records that could not be read, each with the very bytes. In: what was
 * sent, what the dead letter topic holds. Out: records that were not parked, or parked twice.
 */
import { randomUUID } from 'node:crypto';
import { waitFor } from '../../local/stack/wait.ts';
import type { TestPipeline } from '../support/pipeline.ts';
import { violationOf, type Violation } from './violation.ts';

export interface RawRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
}

const TIMEOUT_MS = 20_000;

/** Everything that a topic holds now, as bytes. */
export async function readRaw(
  { kafka, admin }: Pick<TestPipeline, 'kafka' | 'admin'>,
  topic: string,
): Promise<RawRecord[]> {
  const offsets = await admin.fetchTopicOffsets(topic);
  const total = offsets.reduce((sum, { high, low }) => sum + Number(high) - Number(low), 0);
  const records: RawRecord[] = [];
  if (total === 0) return records;
  const consumer = kafka.consumer({ groupId: `letters-${randomUUID()}`, maxWaitTimeInMs: 50 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ message: { key, value } }) => {
      records.push({ key, value });
      await Promise.resolve();
    },
  });
  const read = async (): Promise<boolean> => Promise.resolve(records.length >= total);
  await waitFor(read, { what: `${total} records of ${topic}`, timeoutMs: TIMEOUT_MS });
  await consumer.disconnect();
  return records;
}

export function checkLetters(
  injected: readonly RawRecord[],
  letters: readonly RawRecord[],
): Violation[] {
  const left = letters.map(bytesOf);
  const missing: string[] = [];
  for (const text of injected.map(bytesOf)) {
    const at = left.indexOf(text);
    if (at === -1) missing.push(text);
    else left.splice(at, 1);
  }
  return [
    ...violationOf('I7', 'records were not parked as they are', missing),
    ...violationOf('I7', 'letters that nobody sent', left),
  ];
}

const bytesOf = ({ key, value }: RawRecord): string =>
  `${key?.toString('hex') ?? 'null'}:${value?.toString('hex') ?? 'null'}`;

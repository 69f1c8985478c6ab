/**
 * The box on a real broker: what is parked twice, half, or by somebody else. Topics are made anew for this
 * file, which is what it is about in part: marks must not fit letters of another topic of the same name.
 */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { TOPIC_DLQ, TOPIC_DLQ_MARKS } from '#core/contracts/names.ts';
import { epochMs } from '#core/time.ts';
import { createKafka, type Admin, type Kafka, type Producer } from '#platform/kafka.ts';
import { createLogger } from '#platform/logger.ts';
import { waitFor } from '../local/stack/wait.ts';
import { startEngines } from '../tests/support/engines.ts';
import { eachLetter, indexLetters, type LetterEntry } from './letter-box.ts';
import { writeMarks } from './letter-marks.ts';
import { encodeLetter, type Letter, type LetterMessage } from './letter.ts';
import { redriveLetters } from './redrive-letters.ts';
import type { TopicAccess } from './topic-reader.ts';
import { ensureTopics } from './topics.ts';

const NOW = epochMs(Date.UTC(2026, 0, 1));
const TIMEOUT_MS = 30_000;
let kafka: Kafka;
let admin: Admin;
let producer: Producer;
let access: TopicAccess;

beforeAll(async () => {
  const { config } = await startEngines(['kafka']);
  const logger = createLogger('test', 'silent');
  kafka = createKafka({ brokers: config.KAFKA_BROKERS, clientId: 'letter-box', logger });
  admin = kafka.admin();
  await admin.connect();
  producer = kafka.producer({ allowAutoTopicCreation: false });
  await producer.connect();
  access = { kafka, admin };
});

afterAll(async () => {
  await producer.disconnect();
  await admin.disconnect();
});

beforeEach(() => makeAnew(TOPIC_DLQ, TOPIC_DLQ_MARKS));

async function makeAnew(...topics: readonly string[]): Promise<void> {
  const known = await admin.listTopics();
  await admin.deleteTopics({ topics: topics.filter((topic) => known.includes(topic)) });
  const gone = async (): Promise<boolean> => {
    const left = await admin.listTopics();
    return !topics.some((topic) => left.includes(topic));
  };
  await waitFor(gone, { what: 'topics to go', timeoutMs: TIMEOUT_MS });
  await ensureTopics(admin, { replicationFactor: 1 });
  // The broker names the leader before it is one.
  const led = async (): Promise<boolean> => {
    await Promise.all(topics.map((topic) => admin.fetchTopicOffsets(topic)));
    return true;
  };
  await waitFor(led, { what: 'topics to be led', timeoutMs: TIMEOUT_MS });
}

function letter(offset: string, value = Buffer.from('x')): Letter {
  const timestamp = epochMs(Date.UTC(2026, 0, 1));
  const origin = { topic: TOPIC_DLQ_MARKS, partition: 0, offset, timestamp };
  return {
    record: { ...origin, key: Buffer.from(offset), value, headers: [] },
    code: 'not_json',
    reason: `reason ${offset}`,
    stack: null,
    by: 'test 1',
    ancestor: null,
    attempts: 0,
  };
}

async function put(...messages: readonly LetterMessage[]): Promise<void> {
  for (const message of messages) await producer.send({ topic: TOPIC_DLQ, messages: [message] });
}

async function entries(): Promise<readonly LetterEntry[]> {
  return (await indexLetters(access)).entries;
}

async function valuesOf(some: readonly LetterEntry[]): Promise<string[]> {
  const values: string[] = [];
  await eachLetter(access, some, async ({ record }, { id }) => {
    await Promise.resolve();
    values.push(`${id} ${record.key?.toString()} ${record.value?.length}`);
  });
  return values;
}

test('an empty box has no letters', async () => {
  expect(await indexLetters(access)).toEqual({ entries: [], foreign: 0 });
});

test('a record that was parked twice is one letter', async () => {
  await put(
    ...encodeLetter(letter('1')),
    ...encodeLetter(letter('2')),
    ...encodeLetter(letter('1')),
  );
  const found = await entries();
  expect(found.map(({ id }) => id)).toEqual(['0:0', '0:1']);
  expect(await valuesOf(found)).toEqual(['0:0 1 1', '0:1 2 1']);
});

test('a large one is whole once all its parts are there, in whichever attempt', async () => {
  const parts = encodeLetter(letter('5', Buffer.alloc(2_500_000, 5)));
  expect(parts).toHaveLength(3);
  await put(...parts.slice(0, 2));
  expect(await entries()).toMatchObject([{ id: '0:0', parts: 3, isWhole: false }]);
  expect(await valuesOf(await entries())).toEqual([]);
  await put(...parts);
  expect(await entries()).toMatchObject([{ id: '0:0', isWhole: true, valueBytes: 2_500_000 }]);
  expect(await valuesOf(await entries())).toEqual(['0:0 5 2500000']);
});

test('messages of somebody else are counted, and are no letters', async () => {
  await producer.send({ topic: TOPIC_DLQ, messages: [{ value: 'hello' }] });
  await put(...encodeLetter(letter('7')));
  expect(await indexLetters(access)).toMatchObject({ entries: [{ id: '0:1' }], foreign: 1 });
});

test('letters of a topic that was made anew have no marks of the old one', async () => {
  await put(...encodeLetter(letter('1')));
  const [old] = await entries();
  await writeMarks(producer, [{ identity: old!.identity, letter: old!.id }], {
    state: 'dropped',
    at: NOW,
  });
  expect(await entries()).toMatchObject([{ id: '0:0', status: 'dropped' }]);
  await makeAnew(TOPIC_DLQ);
  await put(...encodeLetter(letter('2')), ...encodeLetter(letter('1')));
  expect(await entries()).toMatchObject([
    { id: '0:0', status: 'waiting' },
    { id: '0:1', status: 'dropped', markedAt: '2026-01-01T00:00:00.000Z' },
  ]);
});

test('a record whose topic does not take it stays, and is not marked', async () => {
  const nowhere = letter('3');
  await put(
    ...encodeLetter({ ...nowhere, record: { ...nowhere.record, topic: 'wickstream.gone' } }),
  );
  const redriven = redriveLetters(await entries(), {
    access,
    producer,
    clock: { now: () => NOW },
    isToGo: () => Promise.resolve(true),
  });
  await expect(redriven).rejects.toThrow(/does not host this topic-partition/);
  expect(await entries()).toMatchObject([{ status: 'waiting' }]);
});

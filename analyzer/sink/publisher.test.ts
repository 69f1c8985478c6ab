/** How messages go out: where, in which requests, and what a failure leaves behind. */
import { expect, test } from 'vitest';
import type { Producer } from '#platform/kafka.ts';
import { TEST_OPEN_TIME, TEST_SERIES } from '../../tests/support/candles.ts';
import type { DerivedRow } from '../series-state.ts';
import {
  createPublisher,
  publishNothing,
  REQUEST_BYTES_MAX,
  UNSENT_BYTES_MAX,
  type Publisher,
} from './publisher.ts';

type Batch = Parameters<Producer['sendBatch']>[0];

const ROW: DerivedRow = {
  openTime: TEST_OPEN_TIME,
  candleVersion: 7n,
  version: 7n,
  evaluation: null,
  candle: null,
  before: null,
};

/** A publisher of values of so many bytes, and what reached Kafka. */
function publisherOf(
  bytes: number,
  fails: () => boolean = () => false,
): { publisher: Publisher; sent: Batch[]; counts: object[] } {
  const sent: Batch[] = [];
  const counts: object[] = [];
  let made = 0;
  const message = () => ({ key: String((made += 1)), value: Buffer.alloc(bytes) });
  const publisher = createPublisher({
    producer: {
      sendBatch: async (batch) => {
        if (fails()) throw new Error('not enough replicas');
        sent.push(batch);
        return Promise.resolve([]);
      },
    },
    encoder: ({ symbol }) => ({
      feature: message(),
      signal: symbol === 'X/Y' ? message() : null,
    }),
    onSent: (count) => counts.push(count),
  });
  return { publisher, sent, counts };
}

test('features go before signals, to the partition of their series, acknowledged by all', async () => {
  const { publisher, sent, counts } = publisherOf(100);
  const outbox = publisher.outbox();
  outbox.add(TEST_SERIES, ROW);
  outbox.add({ ...TEST_SERIES, symbol: 'X/Y' }, ROW);
  await publisher.send(7, outbox.take());
  const said = sent.map(({ acks, topicMessages = [] }) => [
    acks,
    ...topicMessages.map(({ topic, messages }) => [
      topic,
      messages.map((m) => [m.partition, m.key]),
    ]),
  ]);
  expect(said).toEqual([
    [
      -1,
      [
        'wickstream.features.v1',
        [
          [7, '1'],
          [7, '2'],
        ],
      ],
    ],
    [-1, ['wickstream.signals.v1', [[7, '3']]]],
  ]);
  expect(counts).toEqual([{ features: 2, signals: 1 }]);
});

test('nothing to tell makes no request', async () => {
  const { publisher, sent } = publisherOf(100);
  await publisher.send(0, publisher.outbox().take());
  expect(sent).toEqual([]);
});

test('requests are bounded, in order and whole', async () => {
  const { publisher, sent } = publisherOf(100_000);
  const outbox = publisher.outbox();
  for (let n = 0; n < 30; n += 1) outbox.add(TEST_SERIES, ROW);
  await publisher.send(0, outbox.take());
  const requests = sent.map(({ topicMessages = [] }) => topicMessages.flatMap((t) => t.messages));
  expect(requests.flat().map(({ key }) => key)).toEqual(
    Array.from({ length: 30 }, (_, index) => String(index + 1)),
  );
  for (const messages of requests) {
    const bytes = messages.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
    expect(bytes).toBeLessThanOrEqual(REQUEST_BYTES_MAX);
  }
  expect(requests.length).toBe(Math.ceil(30 / 8));
});

test('one that is larger than a request goes alone', async () => {
  const { publisher, sent } = publisherOf(REQUEST_BYTES_MAX + 1);
  const outbox = publisher.outbox();
  outbox.add(TEST_SERIES, ROW);
  outbox.add(TEST_SERIES, ROW);
  await publisher.send(0, outbox.take());
  expect(sent).toHaveLength(2);
});

test('a failure says what becomes of the messages', async () => {
  const { publisher } = publisherOf(100, () => true);
  const outbox = publisher.outbox();
  outbox.add(TEST_SERIES, ROW);
  await expect(publisher.send(3, outbox.take())).rejects.toMatchObject({
    code: 'WICK_ANALYZER_PUBLISH_FAILED',
    retryable: true,
    message:
      'Kafka took no messages for "wickstream.features.v1/3" (not enough replicas); their rows are stored and no offset was committed, so they are sent once Kafka takes them',
  });
});

test('there is room again once what waits is sent, or has failed', async () => {
  let isBroken = false;
  const { publisher } = publisherOf(UNSENT_BYTES_MAX, () => isBroken);
  for (const broken of [false, true]) {
    isBroken = broken;
    await publisher.room();
    const outbox = publisher.outbox();
    outbox.add(TEST_SERIES, ROW);
    const unsent = outbox.take();
    let hasRoom = false;
    const room = publisher.room().then(() => (hasRoom = true));
    await Promise.resolve();
    expect(hasRoom).toBe(false);
    await publisher.send(0, unsent).catch(() => undefined);
    await room;
    expect(hasRoom).toBe(true);
  }
});

test('one that tells nobody keeps nothing', async () => {
  const publisher = publishNothing();
  const outbox = publisher.outbox();
  outbox.add(TEST_SERIES, ROW);
  expect([outbox.bytes, outbox.take()]).toEqual([0, { features: [], signals: [], bytes: 0 }]);
  await publisher.room();
  await publisher.send(0, outbox.take());
});

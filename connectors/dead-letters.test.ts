import { describe, expect, test } from 'vitest';
import { captured } from '../tests/support/captured-messages.ts';
import type { KafkaMessage, Producer } from '#platform/kafka.ts';
import { createDeadLetters, refuseDeadLetters, type DeadLetter } from './dead-letters.ts';

type Sent = Parameters<Producer['send']>[0];

const BROKER_BYTES = 1024 * 1024;

function recorder(fail = false) {
  const sent: Sent[] = [];
  const producer: Pick<Producer, 'send'> = {
    send: (record) => {
      sent.push(record);
      return fail ? Promise.reject(new Error('no broker')) : Promise.resolve([]);
    },
  };
  return { sent, deadLetters: createDeadLetters(producer, 'analyzer 1.2.3') };
}

function letter(changes: Partial<KafkaMessage> = {}, reason = 'not JSON'): DeadLetter {
  const { key, value } = captured('insert');
  const plain = { key, value, timestamp: '1767225600000', attributes: 0, offset: '41' };
  const message = { ...plain, headers: {}, ...changes } as KafkaMessage;
  const topic = 'wickstream.market.candles';
  return { topic, partition: 7, message, code: 'not_json', reason, stack: null };
}

test('a record is parked with its bytes, its headers, the reason and where it was', async () => {
  const { sent, deadLetters } = recorder();
  const poison = letter({ headers: { trace: Buffer.from('abc') } });
  await deadLetters.park([{ ...poison, stack: 'Error: here' }]);
  expect(sent).toEqual([
    {
      topic: 'wickstream.dlq',
      acks: -1,
      messages: [
        {
          key: poison.message.key,
          value: poison.message.value,
          headers: {
            trace: [Buffer.from('abc')],
            'wick.code': 'not_json',
            'wick.reason': 'not JSON',
            'wick.stack': 'Error: here',
            'wick.topic': 'wickstream.market.candles',
            'wick.partition': '7',
            'wick.offset': '41',
            'wick.timestamp': '1767225600000',
            'wick.by': 'analyzer 1.2.3',
          },
        },
      ],
    },
  ]);
});

test('several go in one request, in their order', async () => {
  const { sent, deadLetters } = recorder();
  await deadLetters.park(['1', '2', '3'].map((offset) => letter({ offset })));
  expect(sent).toHaveLength(1);
  expect(sent[0]?.messages.map(({ headers }) => headers?.['wick.offset'])).toEqual(['1', '2', '3']);
});

describe('a request', () => {
  const sizeOf = ({ messages }: Sent): number =>
    messages.reduce((sum, { value }) => sum + Buffer.byteLength(value ?? ''), 0);

  test('is one that a broker takes, however much there is to park', async () => {
    const { sent, deadLetters } = recorder();
    const value = Buffer.alloc(300_000);
    await deadLetters.park(
      Array.from({ length: 10 }, (_, at) => letter({ offset: `${at}`, value })),
    );
    expect(sent.map(sizeOf)).toEqual([900_000, 900_000, 900_000, 300_000]);
  });

  test('holds a part of a record that is larger', async () => {
    const { sent, deadLetters } = recorder();
    const value = Buffer.alloc(20_000_000, 'x');
    await deadLetters.park([letter({ value }, 'x'.repeat(2_000_000))]);
    expect(sent.length).toBeGreaterThan(20);
    for (const request of sent) {
      const reason = request.messages[0]?.headers?.['wick.reason'];
      expect(sizeOf(request) + String(reason).length).toBeLessThan(BROKER_BYTES);
    }
  });
});

test('nothing to park asks nothing of Kafka', async () => {
  const { sent, deadLetters } = recorder();
  await deadLetters.park([]);
  expect(sent).toEqual([]);
});

test('a record that could not be stored is not taken for parked', async () => {
  const { deadLetters } = recorder(true);
  await expect(deadLetters.park([letter()])).rejects.toThrow('no broker');
});

test('where nobody wants to go on without a record, the first one is an error that names it', async () => {
  const refused = refuseDeadLetters().park([letter({}, 'y'.repeat(5_000))]);
  await expect(refused).rejects.toMatchObject({
    code: 'WICK_CDC_UNDECODABLE',
    message: expect.stringMatching(/"wickstream.market.candles\/7\/41".{300,600}$/),
  });
  await refuseDeadLetters().park([]);
});

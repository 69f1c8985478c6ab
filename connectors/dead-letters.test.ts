import { expect, test } from 'vitest';
import { captured } from '../tests/support/captured-messages.ts';
import type { KafkaMessage, Producer } from '#platform/kafka.ts';
import { createDeadLetters } from './dead-letters.ts';

type Sent = Parameters<Producer['send']>[0];

function recorder(fail = false) {
  const sent: Sent[] = [];
  const deadLetters = createDeadLetters({
    send: (record) => {
      sent.push(record);
      return fail ? Promise.reject(new Error('no broker')) : Promise.resolve([]);
    },
  });
  return { sent, deadLetters };
}

function message(changes: Partial<KafkaMessage> = {}): KafkaMessage {
  const { key, value } = captured('insert');
  const plain = { key, value, timestamp: '0', attributes: 0, offset: '41' };
  return { ...plain, headers: {}, ...changes } as KafkaMessage;
}

test('a record is parked with its bytes, its headers, the reason and where it was', async () => {
  const { sent, deadLetters } = recorder();
  const poison = message({ headers: { trace: 'abc' } });
  await deadLetters.park([
    { topic: 'wickstream.market.candles', partition: 7, message: poison, reason: 'not JSON' },
  ]);
  expect(sent).toEqual([
    {
      topic: 'wickstream.dlq',
      acks: -1,
      messages: [
        {
          key: poison.key,
          value: poison.value,
          headers: {
            trace: 'abc',
            'wick.reason': 'not JSON',
            'wick.topic': 'wickstream.market.candles',
            'wick.partition': '7',
            'wick.offset': '41',
          },
        },
      ],
    },
  ]);
});

test('several go in one request, in their order', async () => {
  const { sent, deadLetters } = recorder();
  const letters = ['1', '2', '3'].map((offset) => ({
    topic: 't',
    partition: 0,
    message: message({ offset }),
    reason: `reason ${offset}`,
  }));
  await deadLetters.park(letters);
  expect(sent).toHaveLength(1);
  expect(sent[0]?.messages.map(({ headers }) => headers?.['wick.offset'])).toEqual(['1', '2', '3']);
});

test('nothing to park asks nothing of Kafka', async () => {
  const { sent, deadLetters } = recorder();
  await deadLetters.park([]);
  expect(sent).toEqual([]);
});

test('a record that could not be stored is not taken for parked', async () => {
  const { deadLetters } = recorder(true);
  const letter = { topic: 't', partition: 0, message: message(), reason: 'x' };
  await expect(deadLetters.park([letter])).rejects.toThrow('no broker');
});

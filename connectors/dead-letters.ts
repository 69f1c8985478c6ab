/**
 * Where records go that cannot be applied: the dead letter topic, with their raw bytes, the reason
 * and their origin, so that nothing is dropped and the partition goes on. Resolves once stored.
 */
import { TOPIC_DLQ } from '#core/contracts/names.ts';
import type { KafkaMessage, Producer } from '#platform/kafka.ts';

export interface DeadLetter {
  readonly topic: string;
  readonly partition: number;
  readonly message: KafkaMessage;
  readonly reason: string;
}

export interface DeadLetters {
  park(letters: readonly DeadLetter[]): Promise<void>;
}

/** The producer must be connected. */
export function createDeadLetters(producer: Pick<Producer, 'send'>): DeadLetters {
  return {
    async park(letters) {
      if (letters.length === 0) return;
      await producer.send({
        topic: TOPIC_DLQ,
        acks: -1,
        messages: letters.map(({ topic, partition, message, reason }) => ({
          key: message.key,
          value: message.value,
          headers: {
            ...message.headers,
            'wick.reason': reason,
            'wick.topic': topic,
            'wick.partition': String(partition),
            'wick.offset': message.offset,
          },
        })),
      });
    },
  };
}

/**
 * What becomes of records that cannot be applied. They are parked: stored in the dead letter topic,
 * whole, with the reason and their origin, so that nothing is dropped and the partition goes on. Or they
 * are refused: the caller ends at the first one, before anything is told behind it. Resolves once stored.
 */
import { TOPIC_DLQ } from '#core/contracts/names.ts';
import { AppError } from '#core/errors.ts';
import type { KafkaMessage, Producer } from '#platform/kafka.ts';
import { encodeLetter, letterOf, messageBytes, type LetterMessage } from './letter.ts';

export interface DeadLetter {
  readonly topic: string;
  readonly partition: number;
  readonly message: KafkaMessage;
  /** A word for what is wrong, which can be counted. */
  readonly code: string;
  readonly reason: string;
  /** Where it was found; null where nothing was thrown. */
  readonly stack: string | null;
}

export interface DeadLetters {
  /** @throws where one could not be stored; some may be, and are the same letters the next time. */
  park(letters: readonly DeadLetter[]): Promise<void>;
}

/** Bytes in one request: kafkajs makes one batch of it, and a broker takes 1 MiB by default. */
const REQUEST_BYTES_MAX = 1_000_000;

/**
 * @param producer must be connected.
 * @param by who parks, with its version.
 */
export function createDeadLetters(producer: Pick<Producer, 'send'>, by: string): DeadLetters {
  const send = async (messages: readonly LetterMessage[]): Promise<void> => {
    await producer.send({ topic: TOPIC_DLQ, acks: -1, messages: [...messages] });
  };
  return {
    async park(letters) {
      let waiting: LetterMessage[] = [];
      let bytes = 0;
      for (const { message, topic, partition, code, reason, stack } of letters) {
        const why = { code, reason, stack, by };
        for (const part of encodeLetter(letterOf(message, { topic, partition }, why))) {
          const size = messageBytes(part);
          if (waiting.length > 0 && bytes + size > REQUEST_BYTES_MAX) {
            await send(waiting);
            waiting = [];
            bytes = 0;
          }
          waiting.push(part);
          bytes += size;
        }
      }
      if (waiting.length > 0) await send(waiting);
    },
  };
}

/** For those who would rather stand still than go on without a record. */
export function refuseDeadLetters(): DeadLetters {
  return {
    park: async (letters) => {
      const [first] = letters;
      if (first === undefined) return;
      const { topic, partition, message, reason } = first;
      throw new AppError(
        'WICK_CDC_UNDECODABLE',
        `The record "${topic}/${partition}/${message.offset}" cannot be read (${reason.slice(0, REFUSED_REASON_CHARACTERS_MAX)}), and ANALYZER_POISON is "stop"; see what wrote it, or set ANALYZER_POISON=skip: then it is parked and the partition goes on`,
      );
    },
  };
}

const REFUSED_REASON_CHARACTERS_MAX = 300;

/**
 * Sends messages of features and signals to their topics, each to the partition that its series has in the
 * candle topic. In: rows as they are derived, collected by partition in an outbox; a call once they are
 * durable. Out: messages that every replica in sync has, in requests of bounded size. What was sent before a
 * crash is sent again after it, byte for byte. It does not know what a row says.
 */
import { TOPIC_FEATURES, TOPIC_SIGNALS } from '#core/contracts/names.ts';
import type { Series } from '#core/candle.ts';
import { AppError, errorText } from '#core/errors.ts';
import type { Producer } from '#platform/kafka.ts';
import type { DerivedRow } from '../series-state.ts';
import type { RowEncoder, RowMessage } from './publish-rows.ts';

/** What waits to be sent; empty where nothing is published. */
export interface Unsent {
  readonly features: readonly RowMessage[];
  readonly signals: readonly RowMessage[];
  readonly bytes: number;
}

/** What one partition has to tell. */
export interface Outbox {
  /** Bytes that wait. */
  readonly bytes: number;
  add(series: Series, row: DerivedRow): void;
  /** Hands over what waits and starts anew. */
  take(): Unsent;
}

export interface Publisher {
  outbox(): Outbox;
  /** Settles once fewer bytes wait in all outboxes and on the way than memory is meant for. */
  room(): Promise<void>;
  /** @throws AppError WICK_ANALYZER_PUBLISH_FAILED; some messages may be there, and come again. */
  send(partition: number, unsent: Unsent): Promise<void>;
}

export interface PublisherOptions {
  readonly producer: Pick<Producer, 'sendBatch'>;
  readonly encoder: RowEncoder;
  /** Told how many messages were stored. */
  readonly onSent: (counts: { readonly features: number; readonly signals: number }) => void;
}

/** Bytes in one request: a broker takes 1 MiB by default. */
export const REQUEST_BYTES_MAX = 900_000;
/** What key, frame and record head add to a value. */
const MESSAGE_EXTRA_BYTES = 90;
/** Bytes that may be taken and not yet sent, over all partitions. */
export const UNSENT_BYTES_MAX = 48_000_000;

export function createPublisher(options: PublisherOptions): Publisher {
  return new KafkaPublisher(options);
}

/** For an analyzer that tells nobody but the stores. */
export function publishNothing(): Publisher {
  const nothing: Unsent = { features: [], signals: [], bytes: 0 };
  return {
    outbox: () => ({ bytes: 0, add: () => undefined, take: () => nothing }),
    room: async () => undefined,
    send: async () => undefined,
  };
}

class KafkaPublisher implements Publisher {
  readonly #options: PublisherOptions;
  /** Taken from an outbox and not sent yet. */
  #unsentBytes = 0;
  #isRoom: PromiseWithResolvers<void> | null = null;

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  outbox(): Outbox {
    const { encoder } = this.#options;
    let features: RowMessage[] = [];
    let signals: RowMessage[] = [];
    let bytes = 0;
    const put = (into: RowMessage[], message: RowMessage): void => {
      into.push(message);
      bytes += sizeOf(message);
    };
    return {
      get bytes() {
        return bytes;
      },
      add: (series, row) => {
        const { feature, signal } = encoder(series, row);
        put(features, feature);
        if (signal !== null) put(signals, signal);
      },
      take: () => {
        const unsent = { features, signals, bytes };
        this.#unsentBytes += bytes;
        features = [];
        signals = [];
        bytes = 0;
        return unsent;
      },
    };
  }

  async room(): Promise<void> {
    while (this.#unsentBytes >= UNSENT_BYTES_MAX) {
      this.#isRoom ??= Promise.withResolvers<void>();
      await this.#isRoom.promise;
    }
  }

  async send(partition: number, { features, signals, bytes }: Unsent): Promise<void> {
    try {
      // A decision must not be there before the features that it was made of.
      await this.#sendAll(TOPIC_FEATURES, partition, features);
      await this.#sendAll(TOPIC_SIGNALS, partition, signals);
      this.#options.onSent({ features: features.length, signals: signals.length });
    } finally {
      // After a failure too: whoever waits hears of it elsewhere, and must not wait for ever.
      this.#unsentBytes -= bytes;
      this.#isRoom?.resolve();
      this.#isRoom = null;
    }
  }

  async #sendAll(topic: string, partition: number, messages: readonly RowMessage[]): Promise<void> {
    for (const request of requestsOf(messages)) {
      try {
        await this.#options.producer.sendBatch({
          acks: -1,
          topicMessages: [
            { topic, messages: request.map(({ key, value }) => ({ partition, key, value })) },
          ],
        });
      } catch (error) {
        throw new AppError(
          'WICK_ANALYZER_PUBLISH_FAILED',
          `Kafka took no messages for "${topic}/${partition}" (${errorText(error)}); their rows are stored and no offset was committed, so they are sent once Kafka takes them`,
          { cause: error, retryable: true },
        );
      }
    }
  }
}

/** In order, each of at most so many bytes, and of one message at least. */
function* requestsOf(messages: readonly RowMessage[]): Generator<readonly RowMessage[]> {
  let from = 0;
  let bytes = 0;
  for (const [index, message] of messages.entries()) {
    const size = sizeOf(message);
    if (index > from && bytes + size > REQUEST_BYTES_MAX) {
      yield messages.slice(from, index);
      from = index;
      bytes = 0;
    }
    bytes += size;
  }
  if (from < messages.length) yield messages.slice(from);
}

function sizeOf({ value }: RowMessage): number {
  return value.length + MESSAGE_EXTRA_BYTES;
}

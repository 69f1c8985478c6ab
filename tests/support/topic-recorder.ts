/**
 * Reads a topic from its beginning and keeps its records, in order within each partition. In: a topic.
 * Out: the records so far, and waiting until they fulfil a condition. Anchors, which every series gets
 * with its first candle, are left out. For tests.
 */
import { randomUUID } from 'node:crypto';
import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { parseVersion } from '../../connectors/index.ts';
import type { Kafka } from '#platform/kafka.ts';
import { waitFor } from '../../local/stack/wait.ts';

export interface TopicRecord {
  readonly partition: number;
  readonly offset: bigint;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: Readonly<Record<string, string>>;
}

export interface TopicRecorder {
  readonly records: readonly TopicRecord[];
  /** Resolves with the records once `check` holds of them. */
  until(
    what: string,
    check: (records: readonly TopicRecord[]) => boolean,
    timeoutMs?: number,
  ): Promise<readonly TopicRecord[]>;
  close(): Promise<void>;
}

const WAIT_MS = 40_000;
const POLL_MS = 25;
const ANCHOR = '"table":"anchors"';

export async function recordTopic(kafka: Kafka, topic: string): Promise<TopicRecorder> {
  const consumer = kafka.consumer({ groupId: `recorder-${randomUUID()}`, maxWaitTimeInMs: 50 });
  const records: TopicRecord[] = [];
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ partition, message }) => {
      if (message.value?.includes(ANCHOR) === true) return;
      records.push({
        partition,
        offset: BigInt(message.offset),
        key: message.key?.toString('utf8') ?? null,
        value: message.value?.toString('utf8') ?? null,
        headers: Object.fromEntries(
          Object.entries(message.headers ?? {}).map(([name, value]) => [name, String(value)]),
        ),
      });
      await Promise.resolve();
    },
  });
  return {
    records,
    until: async (what, check, timeoutMs = WAIT_MS) => {
      const met = async (): Promise<boolean> => Promise.resolve(check(records));
      await waitFor(met, { what, timeoutMs, intervalMs: POLL_MS });
      return records;
    },
    close: () => consumer.disconnect(),
  };
}

const Row = Type.Record(Type.String(), Type.Unknown());
const Event = Type.Object({
  op: Type.String(),
  before: Type.Union([Row, Type.Null()]),
  after: Type.Union([Row, Type.Null()]),
  source: Type.Object({
    sequence: Type.String(),
    snapshot: Type.String(),
    lsn: Type.Union([Type.Integer(), Type.Null()]),
    txId: Type.Union([Type.Integer(), Type.Null()]),
    ts_ms: Type.Integer(),
  }),
});
const Key = Type.Object({
  exchange: Type.String(),
  market_type: Type.String(),
  symbol: Type.String(),
  interval: Type.String(),
  open_time: Type.String(),
});

/** A record of the candle topic, read without the product's decoder (but for the version). */
export interface CandleEvent extends Static<typeof Event> {
  readonly partition: number;
  readonly offset: bigint;
  readonly keyText: string;
  readonly key: Static<typeof Key>;
  readonly version: bigint;
}

/** Tests look at the same records over and over. */
const parsed = new WeakMap<TopicRecord, CandleEvent>();

/** @throws Error for a record that is no change of a candle, a tombstone for example. */
export function candleEvent(record: TopicRecord): CandleEvent {
  const known = parsed.get(record);
  if (known !== undefined) return known;
  const event = parseEvent(record);
  parsed.set(record, event);
  return event;
}

function parseEvent(record: TopicRecord): CandleEvent {
  if (record.value === null || record.key === null) {
    throw new Error(`record ${record.partition}:${record.offset} has no key or no value`);
  }
  const event: unknown = JSON.parse(record.value);
  const key: unknown = JSON.parse(record.key);
  if (!Value.Check(Event, event) || !Value.Check(Key, key)) {
    throw new Error(`record ${record.partition}:${record.offset} is no candle: ${record.value}`);
  }
  return {
    ...event,
    partition: record.partition,
    offset: record.offset,
    keyText: record.key,
    key,
    version: parseVersion(event.source.sequence),
  };
}

/** The events of one symbol, in the order of their partitions and offsets. */
export function eventsOf(records: readonly TopicRecord[], symbol: string): CandleEvent[] {
  return records.map(candleEvent).filter(({ key }) => key.symbol === symbol);
}

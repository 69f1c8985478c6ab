/**
 * The record of Kafka that a change of the ledger names. In: partition and offset. Out: whether the topic
 * still holds it, and, read and decoded as the analyzer does, whether the ledger's row follows from it.
 */
import { randomUUID } from 'node:crypto';
import { decodeCandleMessage } from '../../../connectors/index.ts';
import { seriesKey, type CandleKey } from '#core/candle.ts';
import type { CandleChange } from '#core/contracts/candle-change.ts';
import { TOPIC_CANDLES } from '#core/contracts/names.ts';
import { AppError } from '#core/errors.ts';
import { formatInstant } from '#core/time.ts';
import type { Admin, Kafka, KafkaMessage } from '#platform/kafka.ts';
import type { Link, RevisionLink } from './evaluation-links.ts';

export interface KafkaAccess {
  readonly kafka: Pick<Kafka, 'consumer'>;
  /** Connected. */
  readonly admin: Pick<Admin, 'fetchTopicOffsets' | 'deleteGroups'>;
}

export interface RecordCheck {
  /** Whether the ledger's row is what the record says. */
  readonly follows: boolean;
  /** Where not, what the two say. */
  readonly differs: readonly string[];
}

/** For one record of a topic that is there, ms. */
const READ_MAX_MS = 30_000;
const LSN_BITS = 64n;
/** A change that overlaps a snapshot has this bit beside its record, which the record itself has not. */
const RECORD_MASK = (1n << 63n) - 1n;

/** Null while the topic holds it, else why not. */
export async function whyNotRetained(
  { admin }: KafkaAccess,
  { kafka_partition: partition, kafka_offset: offset }: RevisionLink,
): Promise<string | null> {
  const ends = await admin.fetchTopicOffsets(TOPIC_CANDLES);
  const end = ends.find((each) => each.partition === partition);
  if (end === undefined) return `${TOPIC_CANDLES} has no partition ${partition}`;
  if (BigInt(offset) < BigInt(end.low)) {
    return `Kafka let go of it: partition ${partition} begins at offset ${end.low} by now`;
  }
  if (BigInt(offset) >= BigInt(end.high)) {
    return `partition ${partition} ends at offset ${end.high}: the topic was made anew since`;
  }
  return null;
}

export async function checkRecord(
  access: KafkaAccess,
  key: CandleKey,
  change: RevisionLink,
): Promise<Link<RecordCheck>> {
  const why = await whyNotRetained(access, change);
  if (why !== null) return { missing: why };
  const { kafka_partition: partition, kafka_offset: offset } = change;
  const message = await readAt(access, partition, offset);
  if (message.offset !== offset) {
    return { missing: `Kafka let go of offset ${offset}; the next one is ${message.offset}` };
  }
  const decoded = decodeCandleMessage({ partition, offset, value: message.value });
  if (decoded.kind !== 'change') {
    return { follows: false, differs: [`the record is no change of a candle (${decoded.kind})`] };
  }
  const differs = differences(decoded.change, key, change);
  return { follows: differs.length === 0, differs };
}

function differences(decoded: CandleChange, key: CandleKey, change: RevisionLink): string[] {
  const { values } = decoded;
  const version = BigInt(change.version);
  const text = (value: string | number | null | undefined): string | null =>
    value === null || value === undefined ? null : String(value);
  const ofLive = (value: string | number | null | undefined, stored: string | null) =>
    values === null ? ([null, null] as const) : ([text(value), stored] as const);
  const pairs: Readonly<Record<string, readonly [string | null, string | null]>> = {
    series: [decoded.key, seriesKey(key)],
    open_time: [formatInstant(decoded.openTime), formatInstant(key.openTime)],
    op: [decoded.origin === 'incremental_snapshot' ? 'i' : decoded.op, change.op],
    is_deleted: [values === null ? '1' : '0', String(change.is_deleted)],
    record: [String(decoded.version & RECORD_MASK), String(version & RECORD_MASK)],
    lsn: [decoded.lsn, change.lsn],
    tx_id: [text(decoded.txId), change.tx_id],
    committed_at: [formatInstant(decoded.committedAt), change.committed_at],
    open: ofLive(values?.open, change.open),
    high: ofLive(values?.high, change.high),
    low: ofLive(values?.low, change.low),
    close: ofLive(values?.close, change.close),
    volume: ofLive(values?.volume, change.volume),
    quote_volume: ofLive(values?.quoteVolume, change.quote_volume),
    trades: ofLive(values?.trades, change.trades),
    taker_buy_base: ofLive(values?.takerBuyBase, change.taker_buy_base),
    taker_buy_quote: ofLive(values?.takerBuyQuote, change.taker_buy_quote),
    revision: [String(decoded.revision), String(change.revision)],
    observed_at: [formatInstant(decoded.observedAt), change.observed_at],
    source: [decoded.source, change.source],
    ingest_run_id: [decoded.ingestRunId, change.ingest_run_id],
    raw_id: [decoded.rawId, change.raw_id],
  };
  return Object.entries(pairs).flatMap(([name, [record, ledger]]) =>
    record === ledger ? [] : [`${name} is ${record} in the record and ${ledger} in the ledger`],
  );
}

/** The first message at or behind the offset. */
async function readAt(
  { kafka, admin }: KafkaAccess,
  partition: number,
  offset: string,
): Promise<KafkaMessage> {
  const groupId = `wick-lineage-${randomUUID()}`;
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 100, retry: { retries: 5 } });
  const { promise, resolve, reject } = Promise.withResolvers<KafkaMessage>();
  const timer = setTimeout(() => reject(silent(partition, offset)), READ_MAX_MS);
  try {
    await consumer.connect();
    await consumer.subscribe({ topic: TOPIC_CANDLES, fromBeginning: false });
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
    await consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch }) => {
        if (batch.partition !== partition) return;
        const found = batch.messages.find((each) => BigInt(each.offset) >= BigInt(offset));
        // What was fetched before the seek lies elsewhere.
        if (found !== undefined && BigInt(batch.firstOffset() ?? '0') <= BigInt(offset)) {
          resolve(found);
        }
      },
    });
    consumer.seek({ topic: TOPIC_CANDLES, partition, offset });
    return await promise;
  } finally {
    clearTimeout(timer);
    await consumer.disconnect();
    await admin.deleteGroups([groupId]).catch((error: unknown) => {
      // Without members and offsets the broker forgets it by itself.
      if (error instanceof Error && error.name.startsWith('KafkaJS')) return;
      throw error;
    });
  }
}

function silent(partition: number, offset: string): AppError {
  return new AppError(
    'WICK_STORE_UNREACHABLE',
    `Kafka did not hand out partition ${partition} from offset ${offset} within ${READ_MAX_MS / 1000} s; look at its log and run again`,
    { retryable: true },
  );
}

/** The two halves of a version. */
export function placeOfVersion(version: string): {
  readonly commitBefore: bigint;
  readonly record: bigint;
} {
  const number = BigInt(version);
  return { commitBefore: number >> LSN_BITS, record: number & RECORD_MASK };
}

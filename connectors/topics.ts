/** The topics of the pipeline, made explicitly: a topic that a producer conjures up has one partition. */
import { setTimeout as delay } from 'node:timers/promises';
import {
  CANDLE_PARTITIONS,
  TOPIC_CANDLES,
  TOPIC_CDC_NOTIFICATIONS,
  TOPIC_CDC_SIGNAL,
  TOPIC_DLQ,
  TOPIC_DLQ_MARKS,
  TOPIC_FEATURES,
  TOPIC_PREFIX,
  TOPIC_SIGNALS,
} from '#core/contracts/names.ts';
import { AppError, errorText } from '#core/errors.ts';
import type { Admin } from '#platform/kafka.ts';

const DAY_MS = 86_400_000;
/** Longer than change events, which come again from Postgres; what is parked may be nowhere else. */
const DLQ_RETENTION_DAYS = 30;

const DELETED = [{ name: 'cleanup.policy', value: 'delete' }];
const SINGLE = new Map([
  [TOPIC_CDC_NOTIFICATIONS, DELETED],
  [TOPIC_CDC_SIGNAL, DELETED],
  [TOPIC_DLQ, [...DELETED, { name: 'retention.ms', value: String(DLQ_RETENTION_DAYS * DAY_MS) }]],
  // The last mark of each record counts, and outlives its letter.
  [TOPIC_DLQ_MARKS, [{ name: 'cleanup.policy', value: 'compact' }]],
  [`__debezium-heartbeat.${TOPIC_PREFIX}`, DELETED],
]);

export interface TopicOptions {
  /** Copies of each partition; 1 on a single broker. */
  readonly replicationFactor: number;
}

type TopicAdmin = Pick<Admin, 'listTopics' | 'createTopics' | 'fetchTopicMetadata'>;
type TopicMetadata = Awaited<ReturnType<TopicAdmin['fetchTopicMetadata']>>['topics'];

/** Wide as the candle topic: what comes of a series has the partition of the series. */
const WIDE = [TOPIC_CANDLES, TOPIC_FEATURES, TOPIC_SIGNALS];

const LED_TIMEOUT_MS = 30_000;
const LED_POLL_MS = 100;

/**
 * Makes what is missing. @returns the names made.
 * @throws AppError WICK_MIGRATION_FAILED when a topic of series exists with another partition count:
 * series would move between partitions and lose their order.
 */
export async function ensureTopics(admin: TopicAdmin, options: TopicOptions): Promise<string[]> {
  const existing = new Set(await admin.listTopics());
  const wanted = [
    ...WIDE.map((topic) => ({ topic, numPartitions: CANDLE_PARTITIONS })),
    ...[...SINGLE.keys()].map((topic) => ({ topic, numPartitions: 1 })),
  ];
  const missing = wanted.filter(({ topic }) => !existing.has(topic));
  if (missing.length > 0) {
    await admin.createTopics({
      // kafkajs would give up on a broker that has not heard of the new topic yet.
      waitForLeaders: false,
      topics: missing.map((topic) => ({
        ...topic,
        replicationFactor: options.replicationFactor,
        configEntries: SINGLE.get(topic.topic) ?? DELETED,
      })),
    });
  }
  const known = await untilLed(
    admin,
    wanted.map(({ topic }) => topic),
  );
  for (const topic of WIDE) {
    const partitions = known.find(({ name }) => name === topic)?.partitions.length ?? 0;
    if (partitions === CANDLE_PARTITIONS) continue;
    throw new AppError(
      'WICK_MIGRATION_FAILED',
      `Topic "${topic}" has ${partitions} partitions, must have ${CANDLE_PARTITIONS} for ever; remove it and run again, or restore it`,
    );
  }
  return missing.map(({ topic }) => topic);
}

/** Waits until the broker that answers knows every topic, and a leader for each partition. */
async function untilLed(admin: TopicAdmin, names: string[]): Promise<TopicMetadata> {
  for (let waitedMs = 0; ; waitedMs += LED_POLL_MS) {
    try {
      const { topics } = await admin.fetchTopicMetadata({ topics: names });
      const isLed = topics.every(
        ({ partitions }) => partitions.length > 0 && partitions.every(({ leader }) => leader >= 0),
      );
      if (isLed) return topics;
      if (waitedMs >= LED_TIMEOUT_MS) throw new Error('a partition has no leader');
    } catch (error) {
      if (waitedMs < LED_TIMEOUT_MS) {
        await delay(LED_POLL_MS);
        continue;
      }
      throw new AppError(
        'WICK_MIGRATION_FAILED',
        `Kafka did not have the topics ready within ${LED_TIMEOUT_MS / 1000} s: ${errorText(error)}; look at its log and run again`,
        { retryable: true, cause: error },
      );
    }
    await delay(LED_POLL_MS);
  }
}

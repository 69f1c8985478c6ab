/** The topics of the pipeline, made explicitly: a topic that a producer conjures up has one partition. */
import {
  CANDLE_PARTITIONS,
  TOPIC_CANDLES,
  TOPIC_CDC_NOTIFICATIONS,
  TOPIC_CDC_SIGNAL,
  TOPIC_DLQ,
  TOPIC_PREFIX,
} from '#core/contracts/names.ts';
import { AppError } from '#core/errors.ts';
import type { Admin } from '#platform/kafka.ts';

const SINGLE = [
  TOPIC_CDC_NOTIFICATIONS,
  TOPIC_CDC_SIGNAL,
  TOPIC_DLQ,
  `__debezium-heartbeat.${TOPIC_PREFIX}`,
];

export interface TopicOptions {
  /** Copies of each partition; 1 on a single broker. */
  readonly replicationFactor: number;
}

/**
 * Makes what is missing. @returns the names made.
 * @throws AppError WICK_MIGRATION_FAILED when the candle topic exists with another partition count:
 * series would move between partitions and lose their order.
 */
export async function ensureTopics(
  admin: Pick<Admin, 'listTopics' | 'createTopics' | 'fetchTopicMetadata'>,
  options: TopicOptions,
): Promise<string[]> {
  const existing = new Set(await admin.listTopics());
  const wanted = [
    { topic: TOPIC_CANDLES, numPartitions: CANDLE_PARTITIONS },
    ...SINGLE.map((topic) => ({ topic, numPartitions: 1 })),
  ];
  const missing = wanted.filter(({ topic }) => !existing.has(topic));
  if (missing.length > 0) {
    await admin.createTopics({
      waitForLeaders: true,
      topics: missing.map((topic) => ({
        ...topic,
        replicationFactor: options.replicationFactor,
        configEntries: [{ name: 'cleanup.policy', value: 'delete' }],
      })),
    });
  }
  const { topics } = await admin.fetchTopicMetadata({ topics: [TOPIC_CANDLES] });
  const partitions = topics[0]?.partitions.length ?? 0;
  if (partitions !== CANDLE_PARTITIONS) {
    throw new AppError(
      'WICK_MIGRATION_FAILED',
      `Topic "${TOPIC_CANDLES}" has ${partitions} partitions, must have ${CANDLE_PARTITIONS} for ever; remove it and run again, or restore it`,
    );
  }
  return missing.map(({ topic }) => topic);
}

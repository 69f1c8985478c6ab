/**
 * What commands about dead letters work with: Kafka's own clients at once, both stores for those that look
 * further. Opened together, closed together. It makes no topic.
 */
import type { TopicAccess } from '../../connectors/index.ts';
import { TOPIC_DLQ, TOPIC_DLQ_MARKS } from '#core/contracts/names.ts';
import { AppError } from '#core/errors.ts';
import {
  clickHouseOptions,
  createClickHouse,
  type ClickHouseClient,
} from '#platform/clickhouse.ts';
import type { Config } from '#platform/config.ts';
import { assertCluster, createKafka, type Producer } from '#platform/kafka.ts';
import { createPostgresPool, postgresOptions, type Pool } from '#platform/postgres.ts';
import { createCommandLogger } from './command-logger.ts';

export interface LetterAccess {
  readonly topics: TopicAccess;
  readonly producer: Pick<Producer, 'send'>;
  readonly pool: Pool;
  readonly clickhouse: ClickHouseClient;
}

/** @throws AppError WICK_MIGRATION_FAILED where the topics are not there yet. */
export async function withLetterAccess<T>(
  config: Config,
  work: (access: LetterAccess) => Promise<T>,
): Promise<T> {
  const logger = createCommandLogger(config);
  const kafka = createKafka({ brokers: config.KAFKA_BROKERS, clientId: 'wickstream-dlq', logger });
  const admin = kafka.admin({ retry: { retries: 1 } });
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  const pool = createPostgresPool(postgresOptions(config, 'wickstream-dlq'), (error) =>
    logger.debug({ err: error.message }, 'postgres connection lost'),
  );
  const clickhouse = createClickHouse(clickHouseOptions(config, 'wickstream-dlq'));
  try {
    await admin.connect();
    await assertCluster(admin, config.KAFKA_CLUSTER_ID);
    const known = new Set(await admin.listTopics());
    const missing = [TOPIC_DLQ, TOPIC_DLQ_MARKS].filter((topic) => !known.has(topic));
    if (missing.length > 0) {
      throw new AppError(
        'WICK_MIGRATION_FAILED',
        `Kafka has no topic "${missing.join('", "')}"; "npm run wick -- migrate" makes what is missing`,
      );
    }
    await producer.connect();
    return await work({ topics: { kafka, admin }, producer, pool, clickhouse });
  } finally {
    await Promise.allSettled([
      producer.disconnect(),
      admin.disconnect(),
      pool.end(),
      clickhouse.close(),
    ]);
  }
}

/**
 * What the commands look at the whole pipeline through: clients, opened together and closed together,
 * and whose features and signals are looked at.
 */
import { producerOf, readRunningRules } from '../../analyzer/running-rules.ts';
import type { Producer } from '../../analyzer/sink/tables.ts';
import {
  createClickHouse,
  clickHouseOptions,
  type ClickHouseClient,
} from '#platform/clickhouse.ts';
import type { Config } from '#platform/config.ts';
import { createKafka, type Admin } from '#platform/kafka.ts';
import type { Logger } from '#platform/logger.ts';
import { createPostgresPool, postgresOptions, type Pool } from '#platform/postgres.ts';

export interface PipelineClients {
  readonly pool: Pool;
  readonly clickhouse: ClickHouseClient;
  readonly kafka: Admin;
  /** What the analyzer runs; rows of other sets and versions do not count. */
  readonly producer: Producer;
  close(): Promise<void>;
}

/** Connects to Kafka at once, to the others when first used. */
export async function openPipelineClients(
  config: Config,
  logger: Logger,
): Promise<PipelineClients> {
  const producer = producerOf(await readRunningRules());
  const kafka = createKafka({
    brokers: config.KAFKA_BROKERS,
    clientId: 'wickstream-status',
    logger,
    // Whoever looks wants to know now; who waits looks again.
  }).admin({ retry: { retries: 1 } });
  await kafka.connect();
  const pool = createPostgresPool(postgresOptions(config, 'wickstream-status'), (error) =>
    logger.debug({ err: error.message }, 'postgres connection lost'),
  );
  const clickhouse = createClickHouse(clickHouseOptions(config, 'wickstream-status'));
  return {
    pool,
    clickhouse,
    kafka,
    producer,
    close: async () => {
      await Promise.allSettled([pool.end(), clickhouse.close(), kafka.disconnect()]);
    },
  };
}

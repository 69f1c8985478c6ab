/** The clients that the commands look at the whole pipeline through; opened together, closed together. */
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
  close(): Promise<void>;
}

/** Connects to Kafka at once, to the others when first used. */
export async function openPipelineClients(
  config: Config,
  logger: Logger,
): Promise<PipelineClients> {
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
    close: async () => {
      await Promise.allSettled([pool.end(), clickhouse.close(), kafka.disconnect()]);
    },
  };
}

/**
 * Makes everything the pipeline stands on: Postgres schema, roles and publication, topics and their schemas,
 * ClickHouse database, tables and views. Idempotent; safe with several at once.
 */
import { createRegistry, ensureTopics, registerContracts } from '../../connectors/index.ts';
import { CORE_V1 } from '../../analyzer/features/sets/core-v1.ts';
import { featureViewSql } from '../../analyzer/sink/feature-view.ts';
import { clickHouseOptions } from '#platform/clickhouse.ts';
import type { Config } from '#platform/config.ts';
import { assertCluster, createKafka } from '#platform/kafka.ts';
import type { Logger } from '#platform/logger.ts';
import { migrateClickHouse } from '#platform/migrate-clickhouse.ts';
import { migratePostgres } from '#platform/migrate-postgres.ts';
import { createPostgresPool, postgresOptions } from '#platform/postgres.ts';

export interface BootstrapReport {
  readonly postgres: readonly string[];
  readonly topics: readonly string[];
  readonly clickhouse: readonly string[];
}

export async function bootstrapPipeline(config: Config, logger: Logger): Promise<BootstrapReport> {
  const [postgres, topics, clickhouse] = await Promise.all([
    bootstrapPostgres(config, logger),
    bootstrapTopics(config, logger),
    migrateClickHouse({
      ...clickHouseOptions(config, 'wickstream-migrate'),
      generated: [featureViewSql(CORE_V1)],
    }),
  ]);
  if (config.ANALYZER_PUBLISH === 'on') {
    await registerContracts(createRegistry(config.SCHEMA_REGISTRY_URL));
  }
  return { postgres, topics, clickhouse: clickhouse.applied };
}

async function bootstrapPostgres(config: Config, logger: Logger): Promise<readonly string[]> {
  const pool = createPostgresPool(postgresOptions(config, 'wickstream-migrate'), (error) =>
    logger.debug({ err: error.message }, 'postgres connection lost'),
  );
  try {
    const { applied } = await migratePostgres(pool, {
      cdcUser: config.CDC_USER,
      cdcPassword: config.CDC_PASSWORD,
    });
    return applied;
  } finally {
    await pool.end();
  }
}

async function bootstrapTopics(config: Config, logger: Logger): Promise<readonly string[]> {
  const kafka = createKafka({
    brokers: config.KAFKA_BROKERS,
    clientId: 'wickstream-migrate',
    logger,
  });
  const admin = kafka.admin();
  await admin.connect();
  try {
    await assertCluster(admin, config.KAFKA_CLUSTER_ID);
    const { brokers } = await admin.describeCluster();
    return await ensureTopics(admin, { replicationFactor: Math.min(3, brokers.length) });
  } finally {
    await admin.disconnect();
  }
}

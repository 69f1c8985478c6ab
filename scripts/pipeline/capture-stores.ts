/** The two ends of change capture, opened together and closed together. In: the configuration. */
import {
  clickHouseOptions,
  createClickHouse,
  type ClickHouseClient,
} from '#platform/clickhouse.ts';
import type { Config } from '#platform/config.ts';
import { createPostgresPool, postgresOptions, type Pool } from '#platform/postgres.ts';

export interface CaptureStores {
  readonly pool: Pool;
  readonly clickhouse: ClickHouseClient;
}

export async function withCaptureStores<T>(
  config: Config,
  work: (stores: CaptureStores) => Promise<T>,
): Promise<T> {
  const pool = createPostgresPool(postgresOptions(config, 'wickstream-connector'));
  const clickhouse = createClickHouse(clickHouseOptions(config, 'wickstream-connector'));
  try {
    return await work({ pool, clickhouse });
  } finally {
    await Promise.allSettled([pool.end(), clickhouse.close()]);
  }
}

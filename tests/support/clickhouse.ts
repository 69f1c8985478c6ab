/**
 * A ClickHouse database of its own for each test file. In: nothing. Out: a client on a migrated
 * database, dropped when the file is done. The engine is the run's.
 */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll } from 'vitest';
import {
  clickHouseOptions,
  createClickHouse,
  type ClickHouseClient,
  type ClickHouseOptions,
} from '#platform/clickhouse.ts';
import { migrateClickHouse } from '#platform/migrate-clickhouse.ts';
import { startEngines } from './engines.ts';

export interface TestClickHouse {
  readonly client: ClickHouseClient;
  readonly options: ClickHouseOptions;
}

/**
 * Call at the top of a test file; the result may be used inside its tests and hooks.
 * @param migrated false leaves the database to be made by the test. Default true.
 */
export function useClickHouse({ migrated = true } = {}): TestClickHouse {
  let options: ClickHouseOptions | undefined;
  let client: ClickHouseClient | undefined;

  beforeAll(async () => {
    const { config } = await startEngines(['clickhouse']);
    const database = `wick_test_${randomBytes(6).toString('hex')}`;
    options = { ...clickHouseOptions(config, 'wick-test'), database };
    if (migrated) await migrateClickHouse(options);
    client = createClickHouse(options);
  });

  afterAll(async () => {
    await client?.close();
    if (options !== undefined) await dropDatabase(options);
  });

  const inside = <T>(value: T | undefined): T => {
    if (value === undefined) throw new Error('the test database exists only inside tests');
    return value;
  };
  return {
    get client() {
      return inside(client);
    },
    get options() {
      return inside(options);
    },
  };
}

/** Through another database: a client of one that is gone can do nothing. */
export async function dropDatabase(options: ClickHouseOptions): Promise<void> {
  const admin = createClickHouse({ ...options, database: 'default' });
  await admin.command({ query: `drop database if exists ${options.database} sync` });
  await admin.close();
}

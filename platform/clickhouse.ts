/**
 * ClickHouse through `@clickhouse/client`. Every setting that decides what an insert means is pinned
 * here: defaults differ between versions, and some lose rows while reporting success.
 */
import { Readable } from 'node:stream';
import {
  ClickHouseLogLevel,
  createClient,
  type ClickHouseClient,
  type ClickHouseSettings,
} from '@clickhouse/client';
import type { Config } from './config.ts';

export type { ClickHouseClient } from '@clickhouse/client';

/** What a written row means. */
const INSERT_SETTINGS: ClickHouseSettings = {
  // Acknowledged means written, not queued.
  async_insert: 0,
  wait_for_async_insert: 1,
  // Idempotence lies in the tables' keys and versions. A block is never dropped as "seen before":
  // deduplication by token drops different rows under an equal token without a word.
  insert_deduplicate: 0,
  optimize_on_insert: 0,
};

/** What a read number looks like. */
const READ_SETTINGS: ClickHouseSettings = {
  output_format_json_quote_decimals: 1,
  output_format_json_quote_64bit_integers: 1,
  date_time_output_format: 'iso',
};

export interface ClickHouseOptions {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  /** Shown in system.processes. */
  readonly application: string;
  readonly connectionsMax?: number;
}

export function createClickHouse(options: ClickHouseOptions): ClickHouseClient {
  return createClient({
    url: `http://${options.host}:${options.port}`,
    database: options.database,
    username: options.user,
    password: options.password,
    application: options.application,
    max_open_connections: options.connectionsMax ?? 10,
    request_timeout: 120_000,
    keep_alive: { enabled: true, idle_socket_ttl: 2_000 },
    clickhouse_settings: READ_SETTINGS,
    // Its failures reach us as errors; its advice about proxies does not apply.
    log: { level: ClickHouseLogLevel.OFF },
  });
}

/** The connection settings out of the configuration. */
export function clickHouseOptions(config: Config, application: string): ClickHouseOptions {
  return {
    host: config.CLICKHOUSE_HOST,
    port: config.CLICKHOUSE_PORT,
    database: config.CLICKHOUSE_DATABASE,
    user: config.CLICKHOUSE_USER,
    password: config.CLICKHOUSE_PASSWORD,
    application,
  };
}

/** Inserts rows that are already encoded as RowBinary; resolves when they are written. */
export async function insertRowBinary(
  client: ClickHouseClient,
  table: string,
  columns: readonly string[],
  body: Buffer,
): Promise<void> {
  const result = await client.exec({
    query: `insert into ${table} (${columns.join(', ')}) format RowBinary`,
    values: Readable.from([body], { objectMode: false }),
    clickhouse_settings: INSERT_SETTINGS,
  });
  // The server answers an insert with nothing; the socket is free again once that is read.
  for await (const chunk of result.stream) void chunk;
}

/** Rows of a query as objects; for results that fit in memory. */
export async function readRows<T>(
  client: ClickHouseClient,
  query: string,
  params: Readonly<Record<string, unknown>> = {},
): Promise<T[]> {
  const result = await client.query({ query, query_params: { ...params }, format: 'JSONEachRow' });
  return result.json<T>();
}

/**
 * ClickHouse through `@clickhouse/client`. Every setting that decides what an insert means is pinned
 * here: defaults differ between versions, and some lose rows while reporting success.
 */
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import {
  ClickHouseLogLevel,
  createClient,
  type ClickHouseClient,
  type ClickHouseSettings,
} from '@clickhouse/client';
import { AppError } from '#core/errors.ts';
import type { Config } from './config.ts';

export type { ClickHouseClient } from '@clickhouse/client';

/** Of an answer that nobody expects, in a message. */
const ANSWER_CHARS_MAX = 500;

/** What a written row means. */
const INSERT_SETTINGS: ClickHouseSettings = {
  // Acknowledged means written, not queued.
  async_insert: 0,
  wait_for_async_insert: 1,
  // Idempotence lies in the tables' keys and versions. A block is never dropped as "seen before":
  // deduplication by token drops different rows under an equal token without a word.
  insert_deduplicate: 0,
  optimize_on_insert: 0,
  // A plain text becomes the LowCardinality of its column; unknown columns are an error.
  input_format_native_allow_types_conversion: 1,
  input_format_skip_unknown_fields: 0,
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

/**
 * Inserts a block that is already encoded as Native, by the names in it; resolves when its rows are
 * written.
 * @throws the client's error, or AppError WICK_STORE_UNREACHABLE when the answer is not that of an
 * insert that went through.
 */
export async function insertNative(
  client: Pick<ClickHouseClient, 'exec'>,
  table: string,
  block: Buffer,
): Promise<void> {
  const result = await client.exec({
    query: `insert into ${table} format Native`,
    values: Readable.from([block], { objectMode: false }),
    clickhouse_settings: INSERT_SETTINGS,
  });
  // The server answers an insert with nothing. An error that comes after its headers arrives as text
  // under status 200; the socket is free again once all of it is read.
  const answer = (await text(result.stream)).trim();
  if (answer === '') return;
  throw new AppError(
    'WICK_STORE_UNREACHABLE',
    `ClickHouse answered an insert into ${table} with "${answer.slice(0, ANSWER_CHARS_MAX)}"`,
    { retryable: true },
  );
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

/**
 * The configuration of the embedded stack, in the very variables that production uses: application
 * code cannot tell the two apart. Written to a 0600 file that later commands read.
 */
import { rename, writeFile } from 'node:fs/promises';
import { venueUrls } from '../venues/venue-id.ts';
import type { Secrets } from './secrets.ts';
import type { StackPorts } from './stack-ports.ts';

const DB_NAME = 'wickstream';
const DB_USER = 'wickstream';
const CDC_USER = 'wickstream_cdc';
const CLICKHOUSE_USER = 'wickstream';

/** Host names are the same everywhere: nothing of the embedded stack leaves this machine. */
const HOST = '127.0.0.1';

/** What says where the venues are; without them the real ones are meant. */
export const VENUE_VARIABLES = [
  'BINANCE_FUTURES_URL',
  'BINANCE_FUTURES_STREAM_URL',
  'BINANCE_SPOT_URL',
  'BINANCE_SPOT_STREAM_URL',
  'COINBASE_URL',
  'COINBASE_STREAM_URL',
  'HYPERLIQUID_URL',
  'HYPERLIQUID_STREAM_URL',
  'ECB_URL',
  'CBR_URL',
  'CNB_URL',
  'NBG_URL',
  'WEB_ALLOW_LOOPBACK',
] as const;

export function stackEnv(ports: StackPorts, secrets: Secrets): Record<string, string> {
  return {
    DB_HOST: HOST,
    DB_PORT: String(ports.postgres),
    DB_NAME,
    DB_USER,
    DB_PASSWORD: secrets.dbPassword,
    CDC_USER,
    CDC_PASSWORD: secrets.cdcPassword,
    KAFKA_BROKERS: `${HOST}:${ports.kafka}`,
    KAFKA_CLUSTER_ID: secrets.kafkaClusterId,
    CONNECT_URL: `http://${HOST}:${ports.connect}`,
    SCHEMA_REGISTRY_URL: `http://${HOST}:${ports.registry}/apis/ccompat/v7`,
    CLICKHOUSE_HOST: HOST,
    CLICKHOUSE_PORT: String(ports.clickhouse),
    CLICKHOUSE_DATABASE: 'wickstream',
    CLICKHOUSE_USER,
    CLICKHOUSE_PASSWORD: secrets.clickhousePassword,
    REDIS_HOST: HOST,
    REDIS_PORT: String(ports.redis),
    REDIS_PASSWORD: secrets.redisPassword,
    ...venueEnv(ports.venue),
    SCHEDULER_HTTP_PORT: String(ports.scheduler),
    ANALYZER_HTTP_PORT: String(ports.analyzer),
    WATCHDOG_HTTP_PORT: String(ports.watchdog),
  };
}

/** Every venue's addresses, all on the one port of the recorded venues. */
export function venueEnv(port: number): Record<(typeof VENUE_VARIABLES)[number], string> {
  const urls = venueUrls(`${HOST}:${port}`);
  return {
    BINANCE_FUTURES_URL: urls['binance-futures'].baseUrl,
    BINANCE_FUTURES_STREAM_URL: urls['binance-futures'].streamUrl,
    BINANCE_SPOT_URL: urls['binance-spot'].baseUrl,
    BINANCE_SPOT_STREAM_URL: urls['binance-spot'].streamUrl,
    COINBASE_URL: urls.coinbase.baseUrl,
    COINBASE_STREAM_URL: urls.coinbase.streamUrl,
    HYPERLIQUID_URL: urls.hyperliquid.baseUrl,
    HYPERLIQUID_STREAM_URL: urls.hyperliquid.streamUrl,
    // Pages that are not recorded answer 404 there, and nothing leaves this machine.
    ECB_URL: `http://${HOST}:${port}/web/ecb`,
    CBR_URL: `http://${HOST}:${port}/web/cbr`,
    CNB_URL: `http://${HOST}:${port}/web/cnb`,
    NBG_URL: `http://${HOST}:${port}/web/nbg`,
    WEB_ALLOW_LOOPBACK: 'true',
  };
}

/** Writes the file whole or not at all. */
export async function writeEnvFile(
  path: string,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const lines = Object.entries(env).map(([name, value]) => `${name}='${value}'`);
  const staging = `${path}.${process.pid}`;
  await writeFile(staging, `${lines.join('\n')}\n`, { mode: 0o600 });
  await rename(staging, path);
}

/** Which stores answer at all: a quick look before any client with its own patience is asked. */
import { connect } from 'node:net';
import type { Config } from '#platform/config.ts';

/** All that there are. */
export const STORES = [
  'Postgres',
  'Kafka',
  'Kafka Connect',
  'Schema registry',
  'ClickHouse',
  'Redis',
] as const;

export interface Store {
  readonly store: (typeof STORES)[number];
  /** `host:port`, the first of several. */
  readonly address: string;
}

const CONNECT_TIMEOUT_MS = 2_000;

/** The stores of the configuration that accept no connection. */
export async function findSilent(config: Config): Promise<Store[]> {
  const stores = listStores(config);
  const open = await Promise.all(stores.map(({ addresses }) => anyOpen(addresses)));
  return stores
    .filter((_, index) => open[index] === false)
    .map(({ store, addresses }) => ({ store, address: addresses[0] ?? 'nowhere' }));
}

interface Listed {
  readonly store: Store['store'];
  readonly addresses: readonly string[];
}

/** Those that this configuration needs. */
export function listStores(config: Config): readonly Listed[] {
  // Switched off, nobody needs it.
  const registry: readonly Listed[] =
    config.ANALYZER_PUBLISH === 'on'
      ? [{ store: 'Schema registry', addresses: [addressOf(config.SCHEMA_REGISTRY_URL)] }]
      : [];
  return [
    { store: 'Postgres', addresses: [`${config.DB_HOST}:${config.DB_PORT}`] },
    { store: 'Kafka', addresses: config.KAFKA_BROKERS.split(',').map((broker) => broker.trim()) },
    { store: 'Kafka Connect', addresses: [addressOf(config.CONNECT_URL)] },
    ...registry,
    { store: 'ClickHouse', addresses: [`${config.CLICKHOUSE_HOST}:${config.CLICKHOUSE_PORT}`] },
    { store: 'Redis', addresses: [`${config.REDIS_HOST}:${config.REDIS_PORT}`] },
  ];
}

function addressOf(url: string): string {
  const { hostname, port } = new URL(url);
  return `${hostname}:${port === '' ? '80' : port}`;
}

async function anyOpen(addresses: readonly string[]): Promise<boolean> {
  return (await Promise.all(addresses.map(isOpen))).includes(true);
}

async function isOpen(address: string): Promise<boolean> {
  const cut = address.lastIndexOf(':');
  const host = address.slice(0, cut);
  const port = Number(address.slice(cut + 1));
  if (!(port > 0 && port < 65_536)) return false;
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: CONNECT_TIMEOUT_MS });
    const done = (value: boolean): void => {
      socket.destroy();
      resolve(value);
    };
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
    socket.once('timeout', () => done(false));
  });
}

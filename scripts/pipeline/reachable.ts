/** Which stores answer at all: a quick look before any client with its own patience is asked. */
import { connect } from 'node:net';
import type { Config } from '#platform/config.ts';

/** All that there are. */
export const STORES = ['Postgres', 'Kafka', 'Kafka Connect', 'ClickHouse', 'Redis'] as const;

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

function listStores(
  config: Config,
): { readonly store: Store['store']; readonly addresses: readonly string[] }[] {
  const connectUrl = new URL(config.CONNECT_URL);
  const connectPort = connectUrl.port === '' ? '80' : connectUrl.port;
  return [
    { store: 'Postgres', addresses: [`${config.DB_HOST}:${config.DB_PORT}`] },
    { store: 'Kafka', addresses: config.KAFKA_BROKERS.split(',').map((broker) => broker.trim()) },
    { store: 'Kafka Connect', addresses: [`${connectUrl.hostname}:${connectPort}`] },
    { store: 'ClickHouse', addresses: [`${config.CLICKHOUSE_HOST}:${config.CLICKHOUSE_PORT}`] },
    { store: 'Redis', addresses: [`${config.REDIS_HOST}:${config.REDIS_PORT}`] },
  ];
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

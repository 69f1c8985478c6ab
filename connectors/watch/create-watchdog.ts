/** A watchdog on real stores. In: their clients. Out: a watchdog that has not looked yet. Wires only. */
import { CONNECTOR_NAME } from '#core/contracts/names.ts';
import { errorText } from '#core/errors.ts';
import type { Clock } from '#core/time.ts';
import type { ClickHouseClient } from '#platform/clickhouse.ts';
import type { Logger } from '#platform/logger.ts';
import type { Pool } from '#platform/postgres.ts';
import { restartFailed } from '../register.ts';
import { knownSources } from './known-sources.ts';
import { lookAround } from './look.ts';
import type { WatchMetrics } from './metrics.ts';
import { Watchdog } from './watchdog.ts';

export interface WatchedStores {
  readonly pool: Pool;
  readonly clickhouse: ClickHouseClient;
  readonly connectUrl: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: WatchMetrics;
}

/** Longest wait for one answer of Connect, ms; a look asks it twice. */
const CONNECT_MS_MAX = 5_000;

export function createWatchdog(stores: WatchedStores): Watchdog {
  const { pool, clickhouse, connectUrl, clock, logger, metrics } = stores;
  const endpoint = { url: connectUrl, timeoutMs: CONNECT_MS_MAX };
  const onSilent = (store: string, error: unknown): void =>
    logger.debug({ store, err: errorText(error) }, 'no answer');
  return new Watchdog({
    look: () => lookAround(pool, endpoint, onSilent),
    restart: () => restartFailed(endpoint, CONNECTOR_NAME),
    known: knownSources(clickhouse, clock),
    clock,
    logger,
    metrics,
  });
}

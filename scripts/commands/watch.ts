/**
 * `wick watch`: looks after change capture until it is told to end. Wires only; what is an alarm is said in
 * connectors/watch/judge.ts. It works without ClickHouse too, and then knows the server by what it saw.
 * Its log is on stderr, its health and metrics are at WATCHDOG_HTTP_PORT.
 */
import { createWatchdog, createWatchMetrics } from '../../connectors/index.ts';
import { systemClock } from '#platform/clock.ts';
import { clickHouseOptions, createClickHouse } from '#platform/clickhouse.ts';
import { startHealth } from '#platform/health.ts';
import { runProcess } from '#platform/lifecycle.ts';
import { createLogger } from '#platform/logger.ts';
import { createMetrics } from '#platform/metrics.ts';
import { createPostgresPool, postgresOptions } from '#platform/postgres.ts';
import { commandConfig } from './command-config.ts';

/** Above the longest look and the time between two. */
const LOOKED_WITHIN_MS = 60_000;

export async function watch(): Promise<never> {
  const config = commandConfig();
  const logger = createLogger('watchdog', config.LOG_LEVEL);
  return runProcess(logger, async (lifecycle) => {
    const metrics = createMetrics('watchdog');
    const pool = createPostgresPool(postgresOptions(config, 'wickstream-watchdog'), (error) =>
      logger.debug({ err: error.message }, 'postgres connection lost'),
    );
    lifecycle.onClose('postgres', () => pool.end());
    const clickhouse = createClickHouse(clickHouseOptions(config, 'wickstream-watchdog'));
    lifecycle.onClose('clickhouse', () => clickhouse.close());
    const watchdog = createWatchdog({
      pool,
      clickhouse,
      connectUrl: config.CONNECT_URL,
      clock: systemClock,
      logger,
      metrics: createWatchMetrics(metrics),
    });
    const hasLooked = (): boolean =>
      watchdog.lookedAt !== null && systemClock.now() - watchdog.lookedAt < LOOKED_WITHIN_MS;
    const health = await startHealth({
      host: config.HTTP_HOST,
      port: config.WATCHDOG_HTTP_PORT,
      metrics,
      checks: { looks: hasLooked },
    });
    lifecycle.onClose('health', () => health.close());
    logger.info('watchdog started');
    await watchdog.run(lifecycle.signal);
  });
}

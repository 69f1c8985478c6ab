/**
 * The scheduler process: decides when, and lets one runner work. Wires venue, stores and cron; holds
 * no logic. The first collection starts at once, the timer only repeats it.
 */
import { schedule, validate } from 'node-cron';
import { ADVISORY_LOCKS } from '#core/contracts/names.ts';
import { AppError, errorText } from '#core/errors.ts';
import { parseSeriesList } from '#core/series-list.ts';
import { systemClock } from '#platform/clock.ts';
import { loadConfig, type Config } from '#platform/config.ts';
import { startHealth } from '#platform/health.ts';
import { runProcess, untilAborted, type Lifecycle } from '#platform/lifecycle.ts';
import { createLogger, type Logger } from '#platform/logger.ts';
import { createMetrics, type Metrics } from '#platform/metrics.ts';
import { createPostgresPool, postgresOptions } from '#platform/postgres.ts';
import { createRedis } from '#platform/redis.ts';
import { abandonRuns, createSharedLimits, openVenue } from '../etl/index.ts';
import { collect, type CollectOptions } from './collect.ts';
import { QuietSeries } from './quiet-series.ts';
import { withRunLock } from './run-lock.ts';
import { Watermarks } from './watermarks.ts';

const POSTGRES_CONNECTIONS = 8;

const config = loadConfig();
const logger = createLogger('scheduler', config.LOG_LEVEL);

await runProcess(logger, async (lifecycle) => {
  assertCron(config.COLLECT_CRON);
  const series = parseSeriesList(config.COLLECT_SERIES, 'COLLECT_SERIES');
  const metrics = createMetrics('scheduler');
  const options = { ...(await openStores(config, lifecycle)), series };
  const job = createCollectJob(options, metrics);

  const task = schedule(config.COLLECT_CRON, () => job.run(), { noOverlap: true, name: 'collect' });
  lifecycle.onClose('cron', async () => task.stop());
  const health = await startHealth({
    host: config.HTTP_HOST,
    port: config.SCHEDULER_HTTP_PORT,
    metrics,
    checks: { collect: job.isHealthy },
  });
  lifecycle.onClose('health', () => health.close());
  logger.info({ series: series.length, cron: config.COLLECT_CRON }, 'scheduler started');
  const first = job.run();
  await untilAborted(lifecycle.signal);
  await first;
  await job.idle();
});

type Stores = Omit<CollectOptions, 'series'>;

async function openStores(settings: Config, lifecycle: Lifecycle): Promise<Stores> {
  const pool = createPostgresPool(
    { ...postgresOptions(settings, 'wickstream-scheduler'), connectionsMax: POSTGRES_CONNECTIONS },
    (error) => logger.debug({ err: error.message }, 'postgres connection lost'),
  );
  lifecycle.onClose('postgres', () => pool.end());
  const redis = createRedis(settings, (error) => logger.debug({ err: error.message }, 'redis'));
  lifecycle.onClose('redis', async () => redis.disconnect());
  await redis.connect().catch((error: Error) => {
    logger.warn({ err: error.message }, 'redis is away; going on without its cache');
  });
  const adapter = openVenue('binance-futures', settings, {
    clock: systemClock,
    shared: createSharedLimits(redis, systemClock, logger),
    logger,
  });
  lifecycle.onClose('venue', async () => adapter.close());
  return {
    adapter,
    pool,
    watermarks: new Watermarks(pool, redis, logger),
    quiet: new QuietSeries(),
    historyDays: settings.COLLECT_HISTORY_DAYS,
    logger,
    signal: lifecycle.signal,
  };
}

interface CollectJob {
  run(): Promise<void>;
  /** True once a run went through without a failing series, and still true of the last one. */
  isHealthy(this: void): boolean;
  idle(): Promise<void>;
}

function createCollectJob(options: CollectOptions, metrics: Metrics): CollectJob {
  const log: Logger = options.logger;
  const candles = metrics.counter('collect_candles_total', 'Candles stored by the collect job');
  const failures = metrics.counter('collect_failures_total', 'Series that could not be collected');
  let healthy = false;
  let running: Promise<void> | null = null;
  const once = async (): Promise<void> => {
    try {
      const ran = await withRunLock(options.pool, ADVISORY_LOCKS.collect, async () => {
        await abandonRuns(options.pool, 'collect');
        const report = await collect(options);
        candles.inc(report.candles);
        failures.inc(report.failed);
        healthy = report.failed === 0;
        if (report.collected > 0) log.debug(report, 'collected');
      });
      // Another scheduler works: this one stands by, which is as it should be.
      if (!ran) healthy = true;
    } catch (error) {
      if (options.signal.aborted) return;
      healthy = false;
      log.warn({ err: errorText(error) }, 'collect did not run; the next tick tries again');
    }
  };
  return {
    // The timer and the first run must not overlap either.
    run: async () => {
      if (options.signal.aborted) return;
      running ??= once().finally(() => {
        running = null;
      });
      await running;
    },
    isHealthy: () => healthy,
    idle: async () => {
      await running;
    },
  };
}

function assertCron(expression: string): void {
  if (validate(expression)) return;
  throw new AppError(
    'WICK_CONFIG_INVALID',
    `COLLECT_CRON is "${expression}", which is not a cron expression like "3 * * * * *" (seconds first)`,
  );
}

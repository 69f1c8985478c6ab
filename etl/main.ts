/**
 * The streamer process: candles as venues tell them, beside the scheduler, which asks. Wires venues
 * and stores; holds no logic. Several may run: what one stored is no news to the other.
 */
import { randomInt } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { seriesKey, type Series } from '#core/candle.ts';
import { AppError, errorText } from '#core/errors.ts';
import { parseSeriesList } from '#core/series-list.ts';
import { epochMs } from '#core/time.ts';
import { systemClock } from '#platform/clock.ts';
import { loadConfig } from '#platform/config.ts';
import { startHealth } from '#platform/health.ts';
import { runProcess, type Lifecycle } from '#platform/lifecycle.ts';
import { createLogger } from '#platform/logger.ts';
import { createMetrics } from '#platform/metrics.ts';
import { createPostgresPool, postgresOptions, type Pool } from '#platform/postgres.ts';
import { createRedis } from '#platform/redis.ts';
import { createSharedLimits } from './extract/limits-shared.ts';
import { openVenue, parseVenueId, type VenueId } from './extract/registry.ts';
import { readWatermark } from './load/read-watermark.ts';
import { runStream, type StreamStart } from './stream/run-stream.ts';
import type { VenueAdapter } from './extract/venue.ts';
import { streamMetrics } from './stream/stream-metrics.ts';

const POSTGRES_CONNECTIONS = 8;
const DAY_MS = 86_400_000;
const EARLIEST = Date.UTC(1990, 0, 1);
const RETRY_MS = 30_000;

const config = loadConfig();
const logger = createLogger('streamer', config.LOG_LEVEL);

await runProcess(logger, async (lifecycle) => {
  const byVenue = groupByVenue(parseSeriesList(config.STREAM_SERIES, 'STREAM_SERIES'));
  const pool = createPostgresPool(
    { ...postgresOptions(config, 'wickstream-streamer'), connectionsMax: POSTGRES_CONNECTIONS },
    (error) => logger.debug({ err: error.message }, 'postgres connection lost'),
  );
  lifecycle.onClose('postgres', () => pool.end());
  const redis = createRedis(config, (error) => logger.debug({ err: error.message }, 'redis'));
  lifecycle.onClose('redis', async () => redis.disconnect());
  await redis.connect().catch((error: Error) => {
    logger.warn({ err: error.message }, 'redis is away; limits are not shared');
  });
  const shared = createSharedLimits(redis, systemClock, logger);
  const metrics = createMetrics('streamer');
  const watch = streamMetrics(metrics, [...byVenue.keys()]);
  const health = await startHealth({
    host: config.HTTP_HOST,
    port: config.STREAMER_HTTP_PORT,
    metrics,
    checks: watch.checks,
  });
  lifecycle.onClose('health', () => health.close());
  await Promise.all(
    [...byVenue].map(async ([id, series]) => {
      const adapter = openVenue(id, config, { clock: systemClock, shared, logger });
      lifecycle.onClose(id, async () => adapter.close());
      // A venue in trouble is tried again by itself; the others go on meanwhile.
      await untilStopped(id, lifecycle, async () => {
        const starts = await startsOf(adapter, pool, series, lifecycle.signal);
        logger.info({ venue: id, series: starts.length }, 'streaming');
        await runStream({
          adapter,
          pool,
          series: starts,
          clock: systemClock,
          random: () => randomInt(1_000_000) / 1_000_000,
          logger,
          signal: lifecycle.signal,
          askEvery: config.STREAM_CHECK_EVERY,
          on: watch.listener(id),
        });
      });
    }),
  );
});

function groupByVenue(series: readonly Series[]): ReadonlyMap<VenueId, readonly Series[]> {
  const groups = new Map<VenueId, Series[]>();
  for (const each of series) {
    const id = parseVenueId(each.exchange, config);
    groups.set(id, [...(groups.get(id) ?? []), each]);
  }
  return groups;
}

async function startsOf(
  adapter: VenueAdapter,
  pool: Pool,
  series: readonly Series[],
  signal: AbortSignal,
): Promise<StreamStart[]> {
  const now = systemClock.now();
  const starts: StreamStart[] = [];
  for (const each of series) {
    const instrument = await adapter.findInstrument(each.symbol, signal);
    const { symbol, marketType } = instrument;
    if (symbol !== each.symbol || marketType !== each.marketType) {
      throw new AppError(
        'WICK_CONFIG_INVALID',
        `STREAM_SERIES: ${adapter.id} has no "${seriesKey(each)}"; it has ${marketType}|${symbol}`,
      );
    }
    const earliest = epochMs(Math.max(EARLIEST, now - config.COLLECT_HISTORY_DAYS * DAY_MS));
    const from = (await readWatermark(pool, each)) ?? earliest;
    starts.push({ instrument, interval: each.interval, from });
  }
  return starts;
}

/** Does the work again, after a pause, for as long as the process runs. */
async function untilStopped(
  venue: string,
  { signal }: Lifecycle,
  work: () => Promise<void>,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await work();
    } catch (error) {
      if (signal.aborted) return;
      logger.error({ venue, ms: RETRY_MS, err: errorText(error) }, 'not streaming; trying again');
      await wait(RETRY_MS, undefined, { signal }).catch((stopped: unknown) => {
        if (!signal.aborted) throw stopped;
      });
    }
  }
}

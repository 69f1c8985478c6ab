/**
 * What commands that read venues work with: the owner's pool, the venues, and their allowances shared
 * with a scheduler that runs beside them. Opened together, closed together.
 */
import { createSharedLimits } from '../../etl/index.ts';
import { createVenues, type Venues } from '../../scheduler/venues.ts';
import { systemClock } from '#platform/clock.ts';
import type { Config } from '#platform/config.ts';
import type { Logger } from '#platform/logger.ts';
import { createPostgresPool, postgresOptions, type Pool } from '#platform/postgres.ts';
import { createRedis } from '#platform/redis.ts';
import { createCommandLogger } from './command-logger.ts';

export interface VenueAccess {
  readonly pool: Pool;
  readonly venues: Venues;
  readonly logger: Logger;
  /** Aborted by SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
}

/** Opens, works, closes. Logs go to stderr. @throws before any work where Postgres does not answer. */
export async function withVenueAccess<T>(
  config: Config,
  work: (access: VenueAccess) => Promise<T>,
): Promise<T> {
  const logger = createCommandLogger(config);
  const pool = createPostgresPool(postgresOptions(config, 'wickstream-command'), (error) =>
    logger.debug({ err: error.message }, 'postgres connection lost'),
  );
  const redis = createRedis(config, (error) => logger.debug({ err: error.message }, 'redis'));
  await redis.connect().catch((error: Error) => {
    logger.warn({ err: error.message }, 'redis is away; allowances of venues are not shared');
  });
  const shared = createSharedLimits(redis, systemClock, logger);
  const venues = createVenues({ config, clock: systemClock, shared, logger });
  const abort = new AbortController();
  const stop = (): void => abort.abort();
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  try {
    // Nobody waits for a venue whose answer could not be stored.
    await pool.query('select');
    return await work({ pool, venues, logger, signal: abort.signal });
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
    venues.close();
    redis.disconnect();
    await pool.end();
  }
}

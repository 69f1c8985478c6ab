/**
 * The circuit breaker of one venue, over `opossum`: where half of the last minute's requests found the
 * venue out of order, nothing is asked for half a minute, then one request tries. It counts outages
 * only: a refusal is the venue at work.
 */
import CircuitBreaker from 'opossum';
import { AppError } from '#core/errors.ts';
import type { Logger } from '#platform/logger.ts';

export interface Circuit {
  /**
   * Does the work unless the venue is being left alone.
   * @param isOutage says whether what came of it counts against the venue.
   * @throws AppError WICK_ETL_VENUE_DOWN while it is.
   */
  pass<T>(work: () => Promise<T>, isOutage: (result: T) => boolean): Promise<T>;
  close(): void;
}

export interface CircuitOptions {
  readonly venue: string;
  readonly logger?: Logger | undefined;
}

/** opossum rests only above its threshold, and half is enough for us. */
const FAILURES_PERCENT_MAX = 50 - 1e-9;
/** Fewer requests than this in the last minute say nothing. */
const REQUESTS_MIN = 10;
const COUNTED_MS = 60_000;
const REST_MS = 30_000;

/** Carries a result that counts as a failure through the breaker. */
class Outage extends Error {
  readonly result: unknown;
  constructor(result: unknown) {
    super('outage');
    this.result = result;
  }
}

export function createCircuit({ venue, logger }: CircuitOptions): Circuit {
  const breaker = new CircuitBreaker((work: () => Promise<unknown>) => work(), {
    timeout: false,
    errorThresholdPercentage: FAILURES_PERCENT_MAX,
    volumeThreshold: REQUESTS_MIN,
    rollingCountTimeout: COUNTED_MS,
    resetTimeout: REST_MS,
    errorFilter: (error) => !(error instanceof Outage),
  });
  breaker.on('open', () => logger?.warn({ venue, ms: REST_MS }, 'the venue is left alone'));
  breaker.on('close', () => logger?.info({ venue }, 'the venue answers again'));
  return {
    pass: async (work, isOutage) => {
      let result: Awaited<ReturnType<typeof work>> | undefined;
      try {
        await breaker.fire(async () => {
          result = await work();
          if (isOutage(result)) throw new Outage(result);
        });
      } catch (error) {
        if (!(error instanceof Outage))
          throw CircuitBreaker.isOurError(asError(error)) ? down(venue) : error;
      }
      return result as Awaited<ReturnType<typeof work>>;
    },
    close: () => breaker.shutdown(),
  };
}

function down(venue: string): AppError {
  return new AppError(
    'WICK_ETL_VENUE_DOWN',
    `${venue} failed too often in the last minute; it is left alone for up to ${REST_MS / 1000} s`,
    { retryable: true },
  );
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

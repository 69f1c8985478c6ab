/** What opening a venue takes, the same for all of them: addresses, a clock, what is shared. */
import type { Clock } from '#core/time.ts';
import type { Logger } from '#platform/logger.ts';
import type { SharedLimits } from './limits-shared.ts';
import type { Sleep } from './rate-gate.ts';

export interface VenueOptions {
  /** Root of the REST API, for example `https://fapi.binance.com`. */
  readonly baseUrl: string;
  /** Root of the streams, for example `wss://fstream.binance.com/market`. */
  readonly streamUrl: string;
  readonly clock: Clock;
  /** For one attempt, ms. */
  readonly timeoutMs?: number | undefined;
  readonly attemptsMax?: number | undefined;
  /** Candles in one page, at most; each venue has its own default. */
  readonly pageSize?: number | undefined;
  /** What other processes use of the venue's allowance; absent where this one is alone. */
  readonly shared?: SharedLimits | undefined;
  readonly sleep?: Sleep | undefined;
  /** In [0, 1), for jitter. */
  readonly random?: (() => number) | undefined;
  readonly logger?: Logger | undefined;
}

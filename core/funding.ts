/**
 * A funding payment of a perpetual future: what longs pay shorts for one period. Exact decimal text;
 * what the venue does not say is null, never 0.
 */
import type { DecimalString } from './decimal.ts';
import type { EpochMs } from './time.ts';

/** Natural key: exchange, symbol and funding time. */
export interface FundingRate {
  /** Venue id, for example `binance-futures`. */
  readonly exchange: string;
  /** Canonical `BASE/QUOTE`. */
  readonly symbol: string;
  /** When it was paid, the venue's clock, as the venue says it: often some ms past the hour. */
  readonly fundingTime: EpochMs;
  /** Share of the position's value, signed: 0.0001 is one basis point that longs pay. */
  readonly rate: DecimalString;
  /** Mark price it was computed at, in quote currency; null where the venue does not say. */
  readonly markPrice: DecimalString | null;
  /** Premium of mark over index, as a share; null where the venue does not say. */
  readonly premium: DecimalString | null;
  /** When we saw it, our clock. */
  readonly observedAt: EpochMs;
  /** How it reached us: `rest`, … */
  readonly source: string;
}

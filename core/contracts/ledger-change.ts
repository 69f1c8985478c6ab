/**
 * Changes of what travels with the candles of a series: its gaps, its funding payments and its anchor.
 * They come in the topic and partition of the series, in commit order with its candles.
 */
import type { FundingRate } from '../funding.ts';
import type { Gap } from '../gap.ts';
import type { EpochMs } from '../time.ts';
import type { ChangePlace } from './change-place.ts';

/** One change of one gap. A gap that grows or is cut is a delete and new rows. */
export interface GapChange extends ChangePlace {
  /** With the series what names it. */
  readonly from: EpochMs;
  /** Null when the row was deleted. */
  readonly gap: Gap | null;
}

/** One change of one funding payment. */
export interface FundingChange extends ChangePlace {
  /** With the series what names it. */
  readonly fundingTime: EpochMs;
  /** Null when the row was deleted. */
  readonly payment: FundingPayment | null;
  readonly ingestRunId: string | null;
  readonly rawId: string | null;
}

/** A move of the first candle of a series that counts. */
export interface AnchorChange extends ChangePlace {
  /** Open time of that candle; null when the row was deleted: then every candle counts. */
  readonly anchor: EpochMs | null;
  /** By the clock of Postgres. */
  readonly movedAt: EpochMs;
}

/** What was paid, and how it came to us. */
export type FundingPayment = Pick<
  FundingRate,
  'rate' | 'markPrice' | 'premium' | 'observedAt' | 'source'
>;

/**
 * A gap: neighbouring candles that a series should have, by its venue's calendar, and does not have, or
 * did not. What is known of it is its cause. A gap that was filled stays in the ledger as repaired:
 * the ledger tells what happened, not only what is left.
 */
import type { EpochMs } from './time.ts';

/** All causes; `missing` alone is open. */
export const GAP_CAUSES = [
  /** The candles are not there, and it is not known why. The only cause that is not an answer. */
  'missing',
  /** The venue answered without them, twice or once in a known halt: nothing traded there. */
  'venue_empty',
  /** They have come since. */
  'repaired',
  /** They cannot be had any more, or were asked for in vain as often as is allowed. */
  'unrepairable',
  /** They were made up, and say so in their `source`; nothing makes any up by itself. */
  'synthetic',
] as const;
export type GapCause = (typeof GAP_CAUSES)[number];

/** One range of a series; the ranges of a series do not overlap. */
export interface Gap {
  /** Open time of the first missing candle. */
  readonly from: EpochMs;
  /** Exclusive: where the slot of the last one ends. */
  readonly to: EpochMs;
  /** Candles that the calendar expects in it, at least 1. */
  readonly candles: number;
  readonly cause: GapCause;
  /** How often the venue was asked for it. */
  readonly attempts: number;
  /** How often it answered without them; at most `attempts`. */
  readonly emptyAnswers: number;
  /** Our clock, as the two below. */
  readonly firstSeenAt: EpochMs;
  /** When the venue was last asked; null if never. */
  readonly lastCheckedAt: EpochMs | null;
  /** When the cause became an answer; null while it is `missing`. */
  readonly resolvedAt: EpochMs | null;
  /** In words, for people; null where there is nothing to add. */
  readonly detail: string | null;
  /** market.ingest_runs.id of the last run that asked for it; null if none did. */
  readonly lastRunId: string | null;
}

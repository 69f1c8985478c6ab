/**
 * Why a venue's row is not stored as a candle. A rejected row is kept, word for word, with one reason
 * of this closed list, so that it can be counted, looked at and tried again. Nothing is repaired.
 */
import type { Series } from '#core/candle.ts';
import type { EpochMs } from '#core/time.ts';

export const REJECT_REASONS = [
  /** Not the shape that the venue documents. */
  'malformed_row',
  /** A price or volume that is no decimal: NaN, Infinity, blank, text. */
  'not_a_number',
  /** More than 20 integer or 18 fractional digits: it would have to be rounded. */
  'too_many_digits',
  /** An open time that is no integer of epoch milliseconds; often seconds or microseconds. */
  'time_out_of_range',
  /** Open and close time do not span the interval. */
  'wrong_width',
  /** An open time between two grid points of the interval. */
  'off_grid',
  /** It opens after the venue's now, or claims to be closed before it is over. */
  'future',
  /** Outside the range that was asked for. */
  'not_asked_for',
  /** The same open time for a second time in one answer. */
  'duplicate',
  /** A price of zero or below. */
  'non_positive_price',
  /** Not low ≤ open, close ≤ high. */
  'ohlc_order',
  /** A volume or trade count below zero. */
  'negative_volume',
  /** Ten times away from the candle before it, and the next one does not confirm it. */
  'jump',
] as const;
export type RejectReason = (typeof REJECT_REASONS)[number];

/** Of rows that validation passed and the table's constraints did not. */
export const REFUSED_BY_DATABASE = 'refused_by_database';
/** Every reason that a row in quarantine can have. */
export const QUARANTINE_REASONS = [...REJECT_REASONS, REFUSED_BY_DATABASE] as const;

export interface Reject {
  /** The series that was asked for. */
  readonly series: Series;
  /** Null where the row's time cannot be read. */
  readonly openTime: EpochMs | null;
  readonly reason: RejectReason;
  /** Which field and value, for people. */
  readonly detail: string;
  /** Position in the answer, from 0. */
  readonly index: number;
  /** The row as JSON text. */
  readonly rawRow: string;
}

/** What is wrong with one row, before it is known where the row stood. */
export interface Finding {
  readonly ok: false;
  readonly reason: RejectReason;
  readonly detail: string;
}

export function finding(reason: RejectReason, detail: string): Finding {
  return { ok: false, reason, detail };
}

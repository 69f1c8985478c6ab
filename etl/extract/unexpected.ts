/** The error for an answer whose shape its venue does not document. In: what was asked, what came. */
import { AppError } from '#core/errors.ts';

const SHOWN_CHARACTERS_MAX = 120;

/** @param what for example `/fapi/v1/klines`. */
export function unexpected(venue: string, what: string, json: unknown): AppError {
  const start = JSON.stringify(json).slice(0, SHOWN_CHARACTERS_MAX);
  return new AppError(
    'WICK_ETL_VENUE_PAYLOAD',
    `${venue} answered ${what} in a shape that is not documented: ${start}`,
    { details: { what } },
  );
}

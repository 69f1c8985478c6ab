/**
 * Time as the whole project speaks it: integer milliseconds since 1970-01-01T00:00:00Z.
 * In: numbers and ISO texts from outside. Out: `EpochMs`. No clock is read here.
 */

/** Milliseconds since the Unix epoch, UTC, an integer between the years 1990 and 2100. */
export type EpochMs = number & { readonly __brand: 'EpochMs' };

/** Where "now" comes from. Live code gets the system clock, tests and replays a stepped one. */
export interface Clock {
  now(): EpochMs;
}

const EPOCH_MS_MIN = Date.UTC(1990, 0, 1);
const EPOCH_MS_MAX = Date.UTC(2100, 0, 1);

/** True for an integer that lies between 1990 and 2100 when read as milliseconds: a stamp in
 * seconds or microseconds fails. */
export function isEpochMs(value: unknown): value is EpochMs {
  return (
    typeof value === 'number' &&
    Number.isInteger(value) &&
    value >= EPOCH_MS_MIN &&
    value < EPOCH_MS_MAX
  );
}

/** The same, as a demand. @throws RangeError that names the value. */
export function epochMs(value: number): EpochMs {
  if (!isEpochMs(value)) {
    throw new RangeError(
      `"${value}" is not a time in epoch milliseconds between 1990 and 2100; check the unit`,
    );
  }
  return value;
}

/** A date, a time of day, a zone. */
const INSTANT = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d(?::?\d\d)?)$/;

/** Parses an ISO-8601 instant with an explicit zone. @throws RangeError that names the text. */
export function parseInstant(text: string): EpochMs {
  // An offset in hours alone is ISO, and Postgres writes it, but Date.parse does not know it.
  const value = INSTANT.test(text) ? Date.parse(text.replace(/([+-]\d\d)$/, '$1:00')) : NaN;
  if (!isEpochMs(value)) {
    throw new RangeError(
      `"${text}" is not a time with its zone from 1990 to 2100; write for example "2025-06-01T00:00:00Z"`,
    );
  }
  return value;
}

/** `2025-06-01T00:00:00.000Z` */
export function formatInstant(value: EpochMs): string {
  return new Date(value).toISOString();
}

/** What commands are told of series and times. In: texts of the command line. Out: typed, or a usage error. */
import { INTERVALS, isInterval, type Interval } from '#core/interval.ts';
import { AppError, errorText } from '#core/errors.ts';
import { parseInstant, type EpochMs } from '#core/time.ts';

const DAY = /^\d{4}-\d\d-\d\d$/;

/** @throws AppError WICK_USAGE that lists the intervals there are. */
export function parseIntervalFlag(text: string): Interval {
  if (isInterval(text)) return text;
  throw new AppError('WICK_USAGE', `--tf is "${text}"; give one of ${INTERVALS.join(', ')}`);
}

/** A day stands for its first moment, UTC. @throws AppError WICK_USAGE. */
export function parseTimeFlag(name: string, text: string | undefined): EpochMs | null {
  if (text === undefined) return null;
  try {
    return parseInstant(DAY.test(text) ? `${text}T00:00:00Z` : text);
  } catch (error) {
    throw new AppError(
      'WICK_USAGE',
      `--${name}: ${errorText(error)}, or a day such as "2025-06-01"`,
      { cause: error },
    );
  }
}

/** Parts of a comma-separated list. @throws AppError WICK_USAGE for an empty one. */
export function parseListFlag(name: string, text: string): readonly string[] {
  const parts = text.split(',').map((part) => part.trim());
  const named = parts.filter((part) => part !== '');
  if (named.length > 0) return [...new Set(named)];
  throw new AppError('WICK_USAGE', `--${name} is "${text}"; name at least one`);
}

/** For people: a list may go on behind its limit. */
export const cutNote = (limit: number): string =>
  `these are the newest ${limit}; there may be more: give a higher --limit\n`;

/** @throws AppError WICK_USAGE. */
export function parseCountFlag(name: string, text: string, max: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (value >= 1 && value <= max) return value;
  throw new AppError('WICK_USAGE', `--${name} is "${text}"; give a number from 1 to ${max}`);
}

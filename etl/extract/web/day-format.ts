/**
 * Days as web pages and addresses write them. In: a text and its format, `DD.MM.YYYY` or the like.
 * Out: UTC midnight of that day. Strict: a day that no calendar has is none.
 *
 * Tokens: `YYYY`, `MM` and `DD` with, `M` and `D` without leading zero, `MMM` and `MMMM` for English
 * names of months. Everything else stands for itself.
 */
import { isEpochMs, type EpochMs } from '#core/time.ts';

export const DAY_MS = 86_400_000;

const MONTHS =
  'January February March April May June July August September October November December'.split(
    ' ',
  );
const TOKEN = /YYYY|MMMM|MMM|MM|M|DD|D/g;
type Part = 'year' | 'month' | 'day';
const TOKENS: Readonly<Record<string, readonly [part: Part, pattern: string]>> = {
  YYYY: ['year', '\\d{4}'],
  MMMM: ['month', '[A-Za-z]{3,9}'],
  MMM: ['month', '[A-Za-z]{3}'],
  MM: ['month', '\\d{2}'],
  M: ['month', '\\d{1,2}'],
  DD: ['day', '\\d{2}'],
  D: ['day', '\\d{1,2}'],
};

/** True for a format that names year, month and day, each once. */
export function isDayFormat(format: string): boolean {
  const parts = (format.match(TOKEN) ?? []).map((token) => TOKENS[token]?.[0] ?? '');
  return parts.sort().join() === 'day,month,year';
}

/** UTC midnight; null where the text is not of this format or names no day between 1990 and 2100. */
export function parseDay(text: string, format: string): EpochMs | null {
  const parts = (format.match(TOKEN) ?? []).map((token) => TOKENS[token]);
  const literals = format.split(TOKEN).map((literal) => literal.replace(/[^\w\s]/g, '\\$&'));
  const pattern = literals.map((literal, index) => {
    const part = parts[index];
    return part === undefined ? literal : `${literal}(${part[1]})`;
  });
  const match = new RegExp(`^${pattern.join('')}$`).exec(text.trim());
  if (match === null) return null;
  const found: Record<Part, number> = { year: 0, month: 0, day: 0 };
  parts.forEach((part, index) => {
    if (part !== undefined) found[part[0]] = readPart(match[index + 1] ?? '');
  });
  return dayOf(found.year, found.month, found.day);
}

/** A month's name as its number; 0 for what is none. */
function readPart(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  const lower = text.toLowerCase();
  const isMonth = (name: string): boolean =>
    name.toLowerCase() === lower || name.slice(0, 3).toLowerCase() === lower;
  return MONTHS.findIndex(isMonth) + 1;
}

function dayOf(year: number, month: number, day: number): EpochMs | null {
  const time = Date.UTC(year, month - 1, day);
  const date = new Date(time);
  const isReal = date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  return isReal && isEpochMs(time) ? time : null;
}

/** The day that holds `time`, in UTC. */
export function formatDay(time: EpochMs, format: string): string {
  const date = new Date(time);
  const month = date.getUTCMonth();
  const name = MONTHS[month] ?? '';
  const values: Readonly<Record<string, string>> = {
    YYYY: String(date.getUTCFullYear()),
    MMMM: name,
    MMM: name.slice(0, 3),
    MM: String(month + 1).padStart(2, '0'),
    M: String(month + 1),
    DD: String(date.getUTCDate()).padStart(2, '0'),
    D: String(date.getUTCDate()),
  };
  return format.replace(TOKEN, (token) => values[token] ?? token);
}

/**
 * Numerals as web pages write them. In: the text of a cell and how its source marks decimals and
 * thousands. Out: exact canonical decimals, or why the text is none. "1.234" is a thousand or one and
 * a bit depending on the source, so nothing is guessed; a quotient that would have to be rounded is
 * refused.
 */
import { parseDecimal, type DecimalResult, type DecimalString } from '#core/decimal.ts';

/** How a source writes numbers. */
export interface NumeralStyle {
  readonly decimal: '.' | ',';
  /** Between groups of three digits; empty where the source writes none. */
  readonly thousands: '' | '.' | ',' | ' ' | "'";
}

/** `1234.5`, the way of machine-readable sources. */
export const PLAIN_STYLE: NumeralStyle = { decimal: '.', thousands: '' };
/** `1234,5` */
export const COMMA_STYLE: NumeralStyle = { decimal: ',', thousands: '' };

/** Longer texts are no rates. */
const CHARACTERS_MAX = 60;
const SPACES = /[\u00a0\u2007\u2009\u202f]/g;
const FRACTION_DIGITS = 18;

/** Reads one numeral exactly. A mark that the style does not name, or in a wrong place, is no number. */
export function readNumeral(text: string, style: NumeralStyle): DecimalResult {
  const trimmed = text
    .trim()
    .replace(SPACES, ' ')
    .replace(/^\u2212/, '-');
  if (trimmed.length > CHARACTERS_MAX) return { ok: false, reason: 'not_a_number' };
  const match = /^(-?)([\d., ']+)$/.exec(trimmed);
  if (match === null) return { ok: false, reason: 'not_a_number' };
  const [, sign = '', marked = ''] = match;
  const [whole = '', fraction, ...more] = marked.split(style.decimal);
  const digits = ungroup(whole, style.thousands);
  const isBroken = fraction !== undefined && !/^\d+$/.test(fraction);
  if (digits === null || isBroken || more.length > 0) return { ok: false, reason: 'not_a_number' };
  return parseDecimal(`${sign}${digits}${fraction === undefined ? '' : `.${fraction}`}`);
}

/** Without its marks; null where they do not stand between groups of three. */
function ungroup(whole: string, thousands: string): string | null {
  if (/^\d+$/.test(whole)) return whole;
  if (thousands === '') return null;
  const [first = '', ...groups] = whole.split(thousands);
  if (!/^\d{1,3}$/.test(first) || groups.length === 0) return null;
  return groups.every((group) => /^\d{3}$/.test(group)) ? first + groups.join('') : null;
}

/**
 * The rate of one unit where a source gives it for several ("100 JPY = 21.487 CZK").
 * @param divisor 1 or more; powers of ten only shift the point.
 * @returns `too_many_digits` where the quotient has more than 18 fractional digits or no end.
 */
export function divideExactly(value: DecimalString, divisor: bigint): DecimalResult {
  if (divisor < 1n) return { ok: false, reason: 'not_a_number' };
  if (divisor === 1n) return { ok: true, value };
  const [whole = '', fraction = ''] = value.replace('-', '').split('.');
  const scaled = BigInt(whole + fraction.padEnd(FRACTION_DIGITS, '0'));
  if (scaled % divisor !== 0n) return { ok: false, reason: 'too_many_digits' };
  const digits = (scaled / divisor).toString().padStart(FRACTION_DIGITS + 1, '0');
  const point = digits.length - FRACTION_DIGITS;
  const sign = value.startsWith('-') ? '-' : '';
  return parseDecimal(`${sign}${digits.slice(0, point)}.${digits.slice(point)}`);
}

/** How many units a rate is for: a whole number from 1 to 999,999,999; null for anything else. */
export function readNominal(text: string): bigint | null {
  const trimmed = text.trim();
  return /^[1-9]\d{0,8}$/.test(trimmed) ? BigInt(trimmed) : null;
}

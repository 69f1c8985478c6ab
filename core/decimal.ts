/**
 * Exact decimal text. In: numerals as a venue, a file or a database wrote them. Out: canonical
 * `DecimalString`s that fit numeric(38,18). Nothing is ever rounded: a numeral that does not fit
 * is refused. A price becomes a JS number only in `toFloat`.
 */

/**
 * Canonical plain decimal: no exponent, no plus sign, no leading or trailing zeros, "0" for zero;
 * at most 20 integer and 18 fractional digits.
 */
export type DecimalString = string & { readonly __brand: 'DecimalString' };

/** What numeric(38,18) and Decimal(38,18) hold; anything longer is refused, never rounded. */
export const DECIMAL_INTEGER_DIGITS_MAX = 20;
export const DECIMAL_FRACTION_DIGITS_MAX = 18;

/** A parsed number, or why the text is none that we can hold. */
export type DecimalResult =
  | { readonly ok: true; readonly value: DecimalString }
  | { readonly ok: false; readonly reason: 'not_a_number' | 'too_many_digits' };

const NUMERAL = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?$/;
/** Character codes. */
const MINUS = 45;
const ZERO = 48;
const NINE = 57;
const POINT = 46;

/**
 * Parses a numeral exactly. Exponents are expanded, trailing zeros dropped.
 * NaN, Infinity, blanks and thousands separators are `not_a_number`.
 */
export function parseDecimal(text: string): DecimalResult {
  const plain = plainDecimal(text);
  if (plain !== null) return { ok: true, value: plain };
  const match = NUMERAL.exec(text);
  if (match === null) return { ok: false, reason: 'not_a_number' };
  const [, sign = '', whole = '', fraction = '', exponentText = '0'] = match;
  if (whole === '' && fraction === '') return { ok: false, reason: 'not_a_number' };
  const digits = whole + fraction;
  const point = whole.length + Number(exponentText);
  const integer = (
    point <= 0 ? '' : digits.slice(0, point).padEnd(Math.min(point, 10_000), '0')
  ).replace(/^0+/, '');
  const rest = withoutEndZeros(
    point < 0 ? '0'.repeat(-point) + digits : digits.slice(Math.max(point, 0)),
  );
  if (integer.length > DECIMAL_INTEGER_DIGITS_MAX || rest.length > DECIMAL_FRACTION_DIGITS_MAX) {
    return { ok: false, reason: 'too_many_digits' };
  }
  if (integer === '' && rest === '') return { ok: true, value: '0' as DecimalString };
  const magnitude = `${integer === '' ? '0' : integer}${rest === '' ? '' : `.${rest}`}`;
  return { ok: true, value: `${sign === '-' ? '-' : ''}${magnitude}` as DecimalString };
}

/** `/0+$/` would try each run of zeros from each of its zeros: "1e-9999" took 70 ms. */
function withoutEndZeros(digits: string): string {
  let end = digits.length;
  while (end > 0 && digits.charCodeAt(end - 1) === ZERO) end -= 1;
  return digits.slice(0, end);
}

/** Parses a numeral that is known to fit. @throws RangeError that names the text and the reason. */
export function decimal(text: string): DecimalString {
  const result = parseDecimal(text);
  if (!result.ok) {
    throw new RangeError(
      `"${text}" is not an exact decimal of at most ${DECIMAL_INTEGER_DIGITS_MAX} integer and ` +
        `${DECIMAL_FRACTION_DIGITS_MAX} fractional digits (${result.reason})`,
    );
  }
  return result.value;
}

/** Compares two canonical decimals by value: negative, zero or positive. Exact, no floats. */
export function compareDecimal(a: DecimalString, b: DecimalString): number {
  if (a === b) return 0;
  const negativeA = a.charCodeAt(0) === MINUS;
  const negativeB = b.charCodeAt(0) === MINUS;
  if (negativeA !== negativeB) return negativeA ? -1 : 1;
  const order = compareMagnitude(negativeA ? a.slice(1) : a, negativeB ? b.slice(1) : b);
  return negativeA ? -order : order;
}

/**
 * True where one of two values is more than ten times the other; both above zero, canonical. Exact,
 * allocates nothing.
 */
export function isTenfoldApart(a: DecimalString, b: DecimalString): boolean {
  const apart = magnitude(a) - magnitude(b);
  if (apart === 0) return false;
  if (apart === 1) return compareDigits(a, b) > 0;
  return apart === -1 ? compareDigits(b, a) > 0 : true;
}

/** The power of ten of the first digit that is not 0. */
function magnitude(value: string): number {
  if (value.charCodeAt(0) !== ZERO) return integerDigits(value) - 1;
  let at = 2;
  while (value.charCodeAt(at) === ZERO) at += 1;
  return 1 - at;
}

/** Compares as if both had the same power of ten. */
function compareDigits(a: string, b: string): number {
  let atA = firstDigit(a);
  let atB = firstDigit(b);
  while (atA < a.length && atB < b.length) {
    if (a.charCodeAt(atA) === POINT) atA += 1;
    if (b.charCodeAt(atB) === POINT) atB += 1;
    const apart = a.charCodeAt(atA) - b.charCodeAt(atB);
    if (apart !== 0) return apart;
    atA += 1;
    atB += 1;
  }
  if (hasDigits(a, atA)) return 1;
  return hasDigits(b, atB) ? -1 : 0;
}

function firstDigit(value: string): number {
  let at = 0;
  while (value.charCodeAt(at) === ZERO || value.charCodeAt(at) === POINT) at += 1;
  return at;
}

/** Digits other than 0 from there on. */
function hasDigits(value: string, from: number): boolean {
  for (let at = from; at < value.length; at += 1) {
    const code = value.charCodeAt(at);
    if (code !== ZERO && code !== POINT) return true;
  }
  return false;
}

/** The nearest 64-bit float: the one place where a price becomes a number. */
export function toFloat(value: DecimalString): number {
  return Number(value);
}

function compareMagnitude(a: string, b: string): number {
  const wholeA = integerDigits(a);
  const wholeB = integerDigits(b);
  if (wholeA !== wholeB) return wholeA - wholeB;
  // With the points aligned and no trailing zeros, the order of the texts is the order of the values.
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function integerDigits(magnitude: string): number {
  const point = magnitude.indexOf('.');
  return point === -1 ? magnitude.length : point;
}

/**
 * What most venues send: digits, perhaps a point and more digits, canonical but for trailing zeros. Null
 * for anything else, which `parseDecimal` may still know. It is on the path of each price and volume, so
 * it looks at each character once and makes no object.
 */
export function plainDecimal(text: string): DecimalString | null {
  const { length } = text;
  let point = -1;
  let lastNonZero = -1;
  for (let at = 0; at < length; at += 1) {
    const code = text.charCodeAt(at);
    if (code >= ZERO && code <= NINE) {
      if (code !== ZERO) lastNonZero = at;
    } else if (code === POINT && point === -1) {
      point = at;
    } else {
      return null;
    }
  }
  const whole = point === -1 ? length : point;
  const isInteger = whole >= 1 && whole <= DECIMAL_INTEGER_DIGITS_MAX;
  if (!isInteger || (whole > 1 && text.charCodeAt(0) === ZERO)) return null;
  if (point === -1) return text as DecimalString;
  const fraction = length - point - 1;
  if (fraction < 1 || fraction > DECIMAL_FRACTION_DIGITS_MAX) return null;
  if (lastNonZero === length - 1) return text as DecimalString;
  return text.slice(0, lastNonZero < point ? point : lastNonZero + 1) as DecimalString;
}

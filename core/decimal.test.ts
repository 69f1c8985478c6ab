import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareDecimal, decimal, parseDecimal, toFloat, type DecimalString } from './decimal.ts';

const LARGEST = `${'9'.repeat(20)}.${'9'.repeat(18)}`;
const SMALLEST = `0.${'0'.repeat(17)}1`;
const SCALE = 10n ** 18n;

/** A value as an integer count of 10^-18, the independent view of a canonical text. */
function unitsOf(text: string): bigint {
  const [, sign = '', whole = '', fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text) ?? [];
  const units = BigInt(whole) * SCALE + BigInt(fraction.padEnd(18, '0'));
  return sign === '-' ? -units : units;
}

/** The canonical text of a count of 10^-18. */
function textOf(units: bigint): string {
  const magnitude = units < 0n ? -units : units;
  const fraction = String(magnitude % SCALE)
    .padStart(18, '0')
    .replace(/0+$/, '');
  const plain = `${magnitude / SCALE}${fraction === '' ? '' : `.${fraction}`}`;
  return units < 0n ? `-${plain}` : plain;
}

const MAX_UNITS = 10n ** 38n - 1n;
/** Everything that fits, near zero and near the ends as well as between. */
const anyUnits = fc.oneof(
  fc.bigInt({ min: -MAX_UNITS, max: MAX_UNITS }),
  fc.bigInt({ min: -1000n, max: 1000n }),
  fc.bigInt({ min: -50n, max: 50n }).map((whole) => whole * SCALE),
  fc.bigInt({ min: MAX_UNITS - 1000n, max: MAX_UNITS }),
);

describe('a numeral becomes canonical', () => {
  test.each([
    ['1', '1'],
    ['0', '0'],
    ['-0', '0'],
    ['-0.000', '0'],
    ['+5', '5'],
    ['007.10', '7.1'],
    ['.5', '0.5'],
    ['5.', '5'],
    ['94500.500000000000000000', '94500.5'],
    ['1e3', '1000'],
    ['1E+3', '1000'],
    ['1.5e-3', '0.0015'],
    ['-12.5e1', '-125'],
    ['1e-18', SMALLEST],
    ['0.1e-17', SMALLEST],
    ['1e19', `1${'0'.repeat(19)}`],
    ['0e9999', '0'],
    ['0e-9999', '0'],
    [`1.${'0'.repeat(400)}`, '1'],
    [`${'0'.repeat(400)}1`, '1'],
    [LARGEST, LARGEST],
    [`-${LARGEST}`, `-${LARGEST}`],
    [SMALLEST, SMALLEST],
  ])('%s is %s', (text, canonical) => {
    expect(parseDecimal(text)).toEqual({ ok: true, value: canonical });
  });
});

describe('a text that is no number is refused', () => {
  test.each([
    '',
    ' ',
    ' 1',
    '1 ',
    '1\n',
    '.',
    '-',
    '+',
    'e5',
    '.e5',
    '--1',
    '1-',
    '1.2.3',
    '1,000',
    '1_000',
    '0x10',
    'NaN',
    'Infinity',
    '-Infinity',
    '1e',
    '1e99999',
    '١',
    'null',
  ])('"%s"', (text) => {
    expect(parseDecimal(text)).toEqual({ ok: false, reason: 'not_a_number' });
  });
});

describe('a number that does not fit is refused, never rounded', () => {
  test.each([
    `1${'0'.repeat(20)}`,
    `-1${'0'.repeat(20)}`,
    '1e20',
    `0.${'0'.repeat(18)}1`,
    '1e-19',
    '1.0000000000000000001',
    `${'9'.repeat(20)}.${'9'.repeat(19)}`,
    '1e9999',
    '1e-9999',
  ])('%s', (text) => {
    expect(parseDecimal(text)).toEqual({ ok: false, reason: 'too_many_digits' });
  });
});

test('a text of very many zeros is read once, not once for each of them', () => {
  // In time that grows with the square of its length this would take longer than a test may.
  const zeros = '0'.repeat(400_000);
  for (const text of [`0.${zeros}1`, `1${zeros}1e-9999`, `${zeros}.${zeros}x`]) {
    expect(parseDecimal(text)).toMatchObject({ ok: false });
  }
  expect(parseDecimal(`${zeros}1.${zeros}e5`)).toEqual({ ok: true, value: '100000' });
});

test('every number that fits is kept exactly, however it is written', () => {
  const writing = fc.record({
    units: anyUnits,
    zerosBefore: fc.nat({ max: 3 }),
    zerosAfter: fc.nat({ max: 30 }),
    shift: fc.integer({ min: -25, max: 25 }),
    plus: fc.boolean(),
  });
  fc.assert(
    fc.property(writing, ({ units, zerosBefore, zerosAfter, shift, plus }) => {
      const canonical = textOf(units);
      const digits = String(units < 0n ? -units : units);
      const sign = units < 0n ? '-' : plus ? '+' : '';
      // units · 10^-18 with its point moved and the exponent moved back.
      const scaled = `${sign}${'0'.repeat(zerosBefore)}${digits}${'0'.repeat(zerosAfter)}e${-18 - zerosAfter}`;
      const padded = digits.padStart(60, '0');
      const cut = 42 + shift > 60 ? 60 : 42 + shift;
      const moved = `${sign}${padded.slice(0, cut)}.${padded.slice(cut)}e${42 - cut}`;
      expect(parseDecimal(canonical)).toEqual({ ok: true, value: canonical });
      expect(parseDecimal(scaled)).toEqual({ ok: true, value: canonical });
      expect(parseDecimal(moved)).toEqual({ ok: true, value: canonical });
    }),
    { numRuns: 300, seed: 20_250_601 },
  );
});

test('a text is canonical when it is parsed, and parsing it again changes nothing', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.stringMatching(/^[-+]?\d*\.?\d*(e-?\d{1,2})?$/)),
      (text) => {
        const first = parseDecimal(text);
        if (!first.ok) return;
        expect(first.value).toMatch(/^(0|-?(0\.\d{0,17}[1-9]|[1-9]\d{0,19}(\.\d{0,17}[1-9])?))$/);
        expect(parseDecimal(first.value)).toEqual(first);
      },
    ),
    { numRuns: 300, seed: 20_250_601 },
  );
});

test('the demand returns the value or names the text and the reason', () => {
  expect(decimal('1.50')).toBe('1.5');
  expect(() => decimal('1e20')).toThrow(/"1e20" is not an exact decimal .*\(too_many_digits\)/);
  expect(() => decimal('dear')).toThrow(RangeError);
});

test('comparing orders as the exact values do', () => {
  const text = anyUnits.map((units) => textOf(units) as DecimalString);
  const close = anyUnits.chain((units) =>
    fc.tuple(
      fc.constant(textOf(units) as DecimalString),
      fc
        .bigInt({ min: -2n, max: 2n })
        .map((step) => textOf(units + step))
        .filter((next) => parseDecimal(next).ok)
        .map((next) => next as DecimalString),
    ),
  );
  fc.assert(
    fc.property(fc.oneof(fc.tuple(text, text), close), ([a, b]) => {
      const difference = unitsOf(a) - unitsOf(b);
      const expected = difference < 0n ? -1 : difference > 0n ? 1 : 0;
      // Adding 0 makes -0 equal to 0.
      expect(Math.sign(compareDecimal(a, b)) + 0).toBe(expected);
    }),
    { numRuns: 500, seed: 20_250_601 },
  );
});

test.each([
  ['0', '0', 0],
  ['9', '10', -1],
  ['-9', '-10', 1],
  ['-1', '1', -1],
  ['0', '-0.1', 1],
  ['1.1', '1.09', 1],
  ['1', '1.000000000000000001', -1],
  [LARGEST, `-${LARGEST}`, 1],
])('%s against %s is %i', (a, b, expected) => {
  expect(Math.sign(compareDecimal(decimal(a), decimal(b)))).toBe(expected);
});

test('a float is the nearest one', () => {
  expect(toFloat(decimal('0.1'))).toBe(0.1);
  expect(toFloat(decimal(SMALLEST))).toBe(1e-18);
  expect(toFloat(decimal(LARGEST))).toBe(1e20);
  expect(toFloat(decimal('-94500.5'))).toBe(-94500.5);
});

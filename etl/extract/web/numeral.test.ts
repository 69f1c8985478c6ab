import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decimal, parseDecimal } from '#core/decimal.ts';
import { divideExactly, readNominal, readNumeral, type NumeralStyle } from './numeral.ts';

const style = (decimalMark: '.' | ',', thousands: NumeralStyle['thousands']): NumeralStyle => ({
  decimal: decimalMark,
  thousands,
});

describe('a numeral', () => {
  test.each([
    ['47,5553', style(',', ''), '47.5553'],
    ['1.234.567,89', style(',', '.'), '1234567.89'],
    ['1,234.5', style('.', ','), '1234.5'],
    ['1 234,5', style(',', ' '), '1234.5'],
    ['1\u00a0234,5', style(',', ' '), '1234.5'],
    ['1\u202f234', style(',', ' '), '1234'],
    ["12'345.60", style('.', "'"), '12345.6'],
    ['\u22120,50', style(',', ''), '-0.5'],
    ['  0.78230\n', style('.', ''), '0.7823'],
    ['1234', style('.', ','), '1234'],
  ])('%j is read exactly', (text, how, value) => {
    expect(readNumeral(text, how)).toEqual({ ok: true, value });
  });

  test.each([
    ['1.234', style(',', ''), 'a point where commas are decimals'],
    ['1,23', style('.', ','), 'a group of two'],
    ['1,2345.0', style('.', ','), 'a group of four'],
    ['1234,567', style('.', ','), 'a first group of four'],
    ['1.2.3', style('.', ''), 'two decimal marks'],
    ['1,234.567,8', style('.', ','), 'a group mark behind the decimal mark'],
    ['', style('.', ''), 'blank'],
    ['.5', style('.', ''), 'no whole part'],
    ['5.', style('.', ''), 'no fraction behind the mark'],
    ['NaN', style('.', ''), 'NaN'],
    ['N/A', style('.', ''), 'N/A'],
    ['-', style('.', ''), 'a dash'],
    ['1e5', style('.', ''), 'an exponent'],
    ['0x10', style('.', ''), 'hexadecimal'],
    ['\u0661\u0662', style('.', ''), 'digits of another script'],
    ['12 34', style('.', ''), 'two numbers'],
    ['9'.repeat(61), style('.', ''), 'far too long'],
  ])('%j is none: %3$s', (text, how) => {
    expect(readNumeral(text, how)).toEqual({ ok: false, reason: 'not_a_number' });
  });

  test('that would have to be rounded is refused', () => {
    expect(readNumeral(`0,${'1'.repeat(19)}`, style(',', ''))).toEqual({
      ok: false,
      reason: 'too_many_digits',
    });
  });

  test('is the same number in whatever style it is written', () => {
    const marks = fc.constantFrom(
      ...([
        ['.', ','],
        ['.', ' '],
        ['.', "'"],
        [',', '.'],
        [',', ' '],
        [',', ''],
        ['.', ''],
      ] as const),
    );
    const number = fc.tuple(
      fc.bigInt({ min: 0n, max: 10n ** 20n - 1n }),
      fc.string({ unit: fc.constantFrom(...'0123456789'.split('')), maxLength: 18 }),
      fc.boolean(),
    );
    fc.assert(
      fc.property(number, marks, ([whole, fraction, negative], [point, group]) => {
        const digits = whole.toString();
        const grouped = digits.replaceAll(/\B(?=(\d{3})+$)/g, group);
        const sign = negative ? '-' : '';
        const written = `${sign}${grouped}${fraction === '' ? '' : `${point}${fraction}`}`;
        const plain = `${sign}${digits}${fraction === '' ? '' : `.${fraction}`}`;
        expect(readNumeral(written, style(point, group))).toEqual(parseDecimal(plain));
      }),
      { seed: 20_261_121, numRuns: 2_000 },
    );
  });

  test('never comes out of a text that holds anything but digits and its marks', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 30 }), (text) => {
        const result = readNumeral(text, style(',', '.'));
        if (result.ok) expect(text.trim()).toMatch(/^[-\u2212]?\d{1,3}(\.?\d{3})*(\d*)?(,\d+)?$/);
      }),
      { seed: 20_261_121, numRuns: 5_000 },
    );
  });
});

describe('the rate of one unit', () => {
  test.each([
    ['21.487', 100n, '0.21487'],
    ['1.798', 1000n, '0.001798'],
    ['13.1783', 100n, '0.131783'],
    ['8', 5n, '1.6'],
    ['-1', 8n, '-0.125'],
    ['0', 100n, '0'],
    ['23.774', 1n, '23.774'],
    ['99999999999999999999', 1_000_000n, '99999999999999.999999'],
  ])('%s for %s is %s', (value, units, expected) => {
    expect(divideExactly(decimal(value), units)).toEqual({ ok: true, value: expected });
  });

  test.each([
    ['1', 3n, 'it has no end'],
    ['0.000000000000000001', 10n, 'it has 19 digits'],
  ])('%s for %s is refused: %s', (value, units) => {
    expect(divideExactly(decimal(value), units)).toEqual({ ok: false, reason: 'too_many_digits' });
  });

  test('times the units is the rate again', () => {
    const unit = 10n ** 18n;
    fc.assert(
      fc.property(
        fc.bigInt({ min: 1n, max: 10n ** 25n }),
        fc.integer({ min: 1, max: 100_000 }),
        (scaled, units) => {
          const product = scaled * BigInt(units);
          const text = (value: bigint): string =>
            `${value / unit}.${(value % unit).toString().padStart(18, '0')}`;
          const divided = divideExactly(decimal(text(product)), BigInt(units));
          expect(divided).toEqual({ ok: true, value: decimal(text(scaled)) });
        },
      ),
      { seed: 20_261_121, numRuns: 2_000 },
    );
  });

  test('is for a whole number of units, one or more', () => {
    expect(readNominal(' 1000 ')).toBe(1000n);
    for (const text of ['0', '-1', '1.5', '', 'one', '01', '1 000', '10000000000']) {
      expect(readNominal(text), text).toBeNull();
    }
  });
});

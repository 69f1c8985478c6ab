import { describe, expect, test } from 'vitest';
import { epochMs, formatInstant, isEpochMs, parseInstant } from './time.ts';

const FIRST = Date.UTC(1990, 0, 1);
const END = Date.UTC(2100, 0, 1);
const JUNE = Date.UTC(2025, 5, 1);

describe('a time in epoch milliseconds', () => {
  test.each<[string, unknown, boolean]>([
    ['the first', FIRST, true],
    ['before the first', FIRST - 1, false],
    ['the last', END - 1, true],
    ['after the last', END, false],
    ['in seconds', JUNE / 1000, false],
    ['in microseconds', JUNE * 1000, false],
    ['not whole', JUNE + 0.5, false],
    ['NaN', NaN, false],
    ['endless', Infinity, false],
    ['a text', String(JUNE), false],
    ['a bigint', BigInt(JUNE), false],
    ['null', null, false],
  ])('%s: %s is %s', (_name, value, expected) => {
    expect(isEpochMs(value)).toBe(expected);
  });

  test('is returned by the demand, which otherwise names the value', () => {
    expect(epochMs(JUNE)).toBe(JUNE);
    expect(() => epochMs(JUNE / 1000)).toThrow(RangeError);
    expect(() => epochMs(JUNE / 1000)).toThrow(`"${JUNE / 1000}"`);
  });
});

describe('an instant is parsed', () => {
  test.each([
    ['2025-06-01T00:00:00Z', JUNE],
    ['2025-06-01T00:00:00.000Z', JUNE],
    ['2025-06-01T00:00:00.123456Z', JUNE + 123],
    ['2025-06-01T02:30:00+02:30', JUNE],
    ['2025-05-31T22:00:00-0200', JUNE],
    ['2025-06-01 02:00:00.5+02', JUNE + 500],
    ['2025-06-01T02:00:00+02', JUNE],
    ['2025-06-01T00:00Z', JUNE],
  ])('%s', (text, expected) => {
    expect(parseInstant(text)).toBe(expected);
  });

  test.each([
    '2025-06-01T00:00:00',
    '2025-06-01',
    'soon Z',
    '',
    '1970-01-01T00:00:00Z',
    '2025-13-01T00:00:00Z',
    '2025-06-01T25:00:00Z',
    '2025-06-01T00:00:00+25:00',
    '2025-06-01 12:00',
    '20250601T000000Z',
    ' 2025-06-01T00:00:00Z',
  ])('"%s" is refused', (text) => {
    expect(() => parseInstant(text)).toThrow(RangeError);
    expect(() => parseInstant(text)).toThrow(`"${text}" is not a time with its zone`);
  });
});

test('formatting and parsing give the same instant', () => {
  expect(formatInstant(epochMs(JUNE))).toBe('2025-06-01T00:00:00.000Z');
  expect(parseInstant(formatInstant(epochMs(JUNE + 7)))).toBe(JUNE + 7);
});

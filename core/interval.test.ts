import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  INTERVALS,
  isInterval,
  isOnGrid,
  nextOpen,
  nominalWidthMs,
  parseInterval,
  type Interval,
} from './interval.ts';
import { epochMs, formatInstant, parseInstant } from './time.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

test('all intervals are known, shortest first', () => {
  expect(INTERVALS.join(' ')).toBe('1m 3m 5m 15m 30m 1h 2h 4h 6h 8h 12h 1d 3d 1w 1M');
  const widths = INTERVALS.map((interval) => nominalWidthMs(interval));
  expect(widths).toEqual(widths.toSorted((a, b) => a - b));
});

test.each(['1M', '1m'])('"%s" is told from its other case', (text) => {
  expect(parseInterval(text)).toBe(text);
  expect(nominalWidthMs(parseInterval(text))).toBe(text === '1m' ? MINUTE_MS : 30 * DAY_MS);
});

test.each(['', '1', 'm', '1D', '60m', ' 1m', 'toString', '__proto__'])(
  '"%s" is no interval',
  (text) => {
    expect(isInterval(text)).toBe(false);
    expect(() => parseInterval(text)).toThrow(`"${text}" is not an interval; known are 1m, 3m`);
  },
);

describe('the next candle opens', () => {
  test.each<[Interval, string, string]>([
    ['1m', '2025-06-01T00:00:00Z', '2025-06-01T00:01:00.000Z'],
    ['3m', '2025-06-01T00:57:00Z', '2025-06-01T01:00:00.000Z'],
    ['1h', '2025-12-31T23:00:00Z', '2026-01-01T00:00:00.000Z'],
    ['1d', '2024-02-28T00:00:00Z', '2024-02-29T00:00:00.000Z'],
    ['1w', '2025-06-02T00:00:00Z', '2025-06-09T00:00:00.000Z'],
    ['1M', '2025-01-01T00:00:00Z', '2025-02-01T00:00:00.000Z'],
    ['1M', '2024-02-01T00:00:00Z', '2024-03-01T00:00:00.000Z'],
    ['1M', '2025-12-01T00:00:00Z', '2026-01-01T00:00:00.000Z'],
    ['1M', '2025-01-31T00:00:00Z', '2025-02-01T00:00:00.000Z'],
  ])('%s after %s at %s', (interval, openTime, next) => {
    expect(formatInstant(nextOpen(interval, parseInstant(openTime)))).toBe(next);
  });
});

describe('the grid', () => {
  test.each<[Interval, string, boolean]>([
    ['1m', '2025-06-01T00:01:00Z', true],
    ['1m', '2025-06-01T00:01:01Z', false],
    ['1m', '2025-06-01T00:01:00.001Z', false],
    ['5m', '2025-06-01T00:04:00Z', false],
    ['4h', '2025-06-01T08:00:00Z', true],
    ['4h', '2025-06-01T09:00:00Z', false],
    ['1d', '2025-06-01T00:00:00Z', true],
    ['1d', '2025-06-01T08:00:00Z', false],
    ['3d', '2025-06-02T00:00:00Z', true],
    ['1w', '2025-06-02T00:00:00Z', true],
    ['1w', '2025-06-02T12:00:00Z', false],
    ['1M', '2025-06-01T00:00:00Z', true],
    ['1M', '2025-06-02T00:00:00Z', false],
    ['1M', '2025-06-01T01:00:00Z', false],
  ])('of %s holds %s: %s', (interval, openTime, expected) => {
    expect(isOnGrid(interval, parseInstant(openTime))).toBe(expected);
  });
});

test('from one grid time the next open is later, on the grid, and at most a month away', () => {
  const midnight = fc
    .integer({ min: Date.UTC(1990, 0, 1) / DAY_MS, max: Date.UTC(2099, 10, 30) / DAY_MS })
    .map((day) => day * DAY_MS);
  fc.assert(
    fc.property(fc.constantFrom(...INTERVALS), midnight, (interval, time) => {
      const openTime = epochMs(time);
      if (!isOnGrid(interval, openTime)) return;
      const next = nextOpen(interval, openTime);
      expect(next - openTime).toBeGreaterThan(0);
      expect(next - openTime).toBeLessThanOrEqual(31 * DAY_MS);
      expect(isOnGrid(interval, next)).toBe(true);
    }),
    { numRuns: 500, seed: 20_250_601 },
  );
});

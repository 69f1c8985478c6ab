/** What change capture is asked for: few ranges, all damaged candles in them, one signal that fits. */
import { expect, test } from 'vitest';
import { TEST_OPEN_TIME, TEST_SERIES } from '../tests/support/candles.ts';
import { rangesOf, signalOf } from './ask-again.ts';

const DAY_MS = 86_400_000;
const at = (day: number): number => TEST_OPEN_TIME + day * DAY_MS;

test('candles within a day of one another are one range', () => {
  expect(rangesOf([at(0), at(1), at(3)])).toEqual([
    { from: at(0), to: at(1) },
    { from: at(3), to: at(3) },
  ]);
});

test('scattered candles come in as few ranges as a signal holds, none of them left out', () => {
  const times = Array.from({ length: 500 }, (_, index) => at(index * 7));
  const ranges = rangesOf(times);
  expect(ranges.length).toBeLessThanOrEqual(12);
  for (const time of times) {
    expect(ranges.some(({ from, to }) => from <= time && time <= to)).toBe(true);
  }
});

test('the longest signal fits into its column', () => {
  const series = { ...TEST_SERIES, exchange: 'x'.repeat(64), symbol: `${'Y'.repeat(64)}/USDT` };
  const ranges = Array.from({ length: 12 }, (_, day) => ({ from: at(day), to: at(day) }));
  expect(signalOf(series, ranges).length).toBeLessThanOrEqual(2_048);
});

test('a quote in a name stays inside of its text', () => {
  const series = { ...TEST_SERIES, symbol: "O'X/USDT" };
  expect(signalOf(series, [{ from: at(0), to: at(0) }])).toContain("symbol = 'O''X/USDT' and");
});

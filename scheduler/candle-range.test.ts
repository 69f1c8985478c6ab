import { expect, test } from 'vitest';
import { nominalWidthMs, nextOpen, type Interval } from '#core/interval.ts';
import { epochMs, formatInstant, parseInstant } from '#core/time.ts';
import { closedUntil, newestClosed } from './candle-range.ts';

const NOW = parseInstant('2025-06-10T12:34:56Z');

/** How many candles of a grid with this anchor open in the range, and whether all have closed. */
function count(interval: Interval, limit: number, anchor: number): [number, boolean] {
  const { from, to } = newestClosed(interval, NOW, limit);
  const width = nominalWidthMs(interval);
  let open = epochMs(anchor + Math.ceil((from - anchor) / width) * width);
  let inside = 0;
  let allClosed = true;
  for (; open < to; open = nextOpen(interval, open)) {
    inside += 1;
    allClosed &&= nextOpen(interval, open) <= NOW;
  }
  // The one behind has not closed: none was left out.
  return [inside, allClosed && nextOpen(interval, open) > NOW];
}

test.each<[Interval, number]>([
  ['1m', 0],
  ['1h', 0],
  ['1d', 0],
  ['3d', 0],
  ['3d', 86_400_000],
  ['1w', 4 * 86_400_000],
  ['1w', 0],
])('the newest 500 closed candles of %s are 500, with a grid from %i on', (interval, anchor) => {
  expect(count(interval, 500, anchor)).toEqual([500, true]);
});

test('months are months', () => {
  const { from, to } = newestClosed('1M', NOW, 14);
  expect([from, to].map(formatInstant)).toEqual([
    '2024-04-01T00:00:00.000Z',
    '2025-06-01T00:00:00.000Z',
  ]);
});

test('a candle that closes now has closed', () => {
  expect(closedUntil('1h', parseInstant('2025-06-10T12:00:00Z'))).toBe(
    parseInstant('2025-06-10T12:00:00Z'),
  );
});

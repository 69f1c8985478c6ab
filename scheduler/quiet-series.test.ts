import { expect, test } from 'vitest';
import { QuietSeries } from './quiet-series.ts';

/** The ticks, counted from 1, in which `key` is asked; `news` decides what comes of it. */
function asks(
  quiet: QuietSeries,
  ticks: number,
  news: (tick: number) => boolean,
  key = 'a',
): number[] {
  const asked: number[] = [];
  for (let tick = 1; tick <= ticks; tick += 1) {
    quiet.tick();
    if (quiet.isResting(key)) continue;
    asked.push(tick);
    quiet.asked(key, news(tick));
  }
  return asked;
}

test('a series never asked before does not rest', () => {
  expect(new QuietSeries().isResting('a')).toBe(false);
});

test('a series with news is asked in every tick', () => {
  expect(asks(new QuietSeries(), 5, () => true)).toEqual([1, 2, 3, 4, 5]);
});

test('without news the wait doubles up to 60 ticks', () => {
  expect(asks(new QuietSeries(), 250, () => false)).toEqual([
    1, 2, 4, 8, 16, 32, 64, 124, 184, 244,
  ]);
});

test('news ends the wait', () => {
  expect(asks(new QuietSeries(), 20, (tick) => tick === 8)).toEqual([1, 2, 4, 8, 9, 10, 12, 16]);
});

test('one quiet series does not keep another waiting', () => {
  const quiet = new QuietSeries();
  asks(quiet, 3, () => false, 'a');
  expect([quiet.isResting('a'), quiet.isResting('b')]).toEqual([true, false]);
});

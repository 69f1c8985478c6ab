import { expect, test } from 'vitest';
import { CRASH_POINTS, crashAt } from './crash-point.ts';

/** How often it died after each pass of all points in turn. */
function deaths(setting: string, passes: number): number[] {
  let died = 0;
  const reached = crashAt(setting, () => (died += 1));
  const seen: number[] = [];
  for (let pass = 0; pass < passes; pass += 1) {
    for (const point of CRASH_POINTS) {
      reached(point);
      seen.push(died);
    }
  }
  return seen;
}

test('it dies at the n-th pass of the one point, and once', () => {
  expect(deaths('after_compute', 2)).toEqual([0, 1, 1, 1, 1, 1, 1, 1]);
  expect(deaths('after_insert:2', 3)).toEqual([0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1]);
});

test('with "never" it never dies', () => {
  expect(Math.max(...deaths('never', 50))).toBe(0);
});

test.each(['after_lunch', 'after_poll:0', 'after_poll:', 'AFTER_POLL', 'after_poll:1000000'])(
  'it refuses "%s", naming the variable and the points',
  (setting) => {
    expect(() => crashAt(setting, () => undefined)).toThrow(
      /CRASH_AT is "[^"]*"; write one of after_poll,/,
    );
  },
);

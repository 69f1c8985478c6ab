import { expect, test } from 'vitest';
import { epochMs, isEpochMs } from '#core/time.ts';
import { createManualClock, systemClock } from './clock.ts';

test('the system clock tells a time that does not go back within a test', () => {
  const first = systemClock.now();
  expect(isEpochMs(first)).toBe(true);
  expect(systemClock.now()).toBeGreaterThanOrEqual(first);
});

test('a manual clock stands still until it is set, backwards too', () => {
  const start = epochMs(Date.UTC(2025, 5, 1));
  const clock = createManualClock(start);
  expect([clock.now(), clock.now()]).toEqual([start, start]);
  clock.set(epochMs(start - 5));
  expect(clock.now()).toBe(start - 5);
});

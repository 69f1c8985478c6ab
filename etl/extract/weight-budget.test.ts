import { expect, test } from 'vitest';
import { epochMs } from '#core/time.ts';
import { createManualClock } from '#platform/clock.ts';
import { createWeightBudget } from './weight-budget.ts';

const MINUTE = 60_000;
const T = epochMs(29_700_000 * MINUTE);

function open(limit = 100) {
  const clock = createManualClock(epochMs(T + 10_000));
  return { clock, budget: createWeightBudget({ limit, clock }) };
}

test('requests in flight count before the venue has answered any of them', () => {
  const { budget } = open();
  const waits = Array.from({ length: 10 }, () => budget.take(10));
  expect(waits).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 50_500]);
});

test('what others behind the same address use counts, and an older count takes nothing back', () => {
  const { budget } = open();
  expect(budget.take(10)).toBe(0);
  budget.observe(85);
  budget.observe(20);
  expect(budget.take(10)).toBe(50_500);
  expect(budget.take(5)).toBe(0);
});

test('a new minute begins with the whole allowance', () => {
  const { budget, clock } = open();
  budget.observe(100);
  clock.set(epochMs(T + MINUTE));
  expect(budget.take(90)).toBe(0);
  expect(budget.take(1)).toBe(60_500);
});

test('the limit of the venue replaces the assumed one', () => {
  const { budget } = open(10);
  budget.setLimit(1_000);
  expect(budget.take(9)).toBe(0);
  expect(budget.take(500)).toBe(0);
  expect(budget.limit()).toBe(1_000);
});

test('a request heavier than the whole limit goes alone instead of waiting for ever', () => {
  const { budget } = open(1);
  expect(budget.take(5)).toBe(0);
  expect(budget.take(5)).toBe(50_500);
});

import { expect, test } from 'vitest';
import { epochMs } from '#core/time.ts';
import { createManualClock } from '#platform/clock.ts';
import { FUTURES, SPOT } from './binance/product.ts';
import { createWeightMeter } from './weights.ts';

const MINUTE = 60_000;
const T = epochMs(29_000_000 * MINUTE);

test('weight counts per clock minute, is refused beyond the limit and free in the next minute', () => {
  const clock = createManualClock(epochMs(T + 50_000));
  const charge = createWeightMeter({ limit: 10, clock });
  expect(charge(5)).toEqual({ verdict: 'ok', used: 5 });
  expect(charge(5)).toEqual({ verdict: 'ok', used: 10 });
  expect(charge(1)).toMatchObject({ verdict: 'limited', used: 11, retryAfterSeconds: 10 });
  clock.set(epochMs(T + MINUTE));
  expect(charge(1)).toEqual({ verdict: 'ok', used: 1 });
});

test('whoever goes on asking is banned, and the ban outlives the minute', () => {
  const clock = createManualClock(T);
  const charge = createWeightMeter({ limit: 1, clock, refusalsMax: 2 });
  const verdicts = [1, 1, 1, 1, 1].map((weight) => charge(weight).verdict);
  expect(verdicts).toEqual(['ok', 'limited', 'limited', 'banned', 'banned']);
  clock.set(epochMs(T + 2 * MINUTE - 1));
  expect(charge(1)).toMatchObject({
    verdict: 'banned',
    retryAfterSeconds: 1,
    until: T + 2 * MINUTE,
  });
  clock.set(epochMs(T + 2 * MINUTE));
  expect(charge(1).verdict).toBe('ok');
});

test.each([
  [1, 1],
  [99, 1],
  [100, 2],
  [499, 2],
  [500, 5],
  [1000, 5],
  [1001, 10],
  [1500, 10],
])('a klines request of %i candles weighs %i on futures and 2 on spot', (limit, weight) => {
  expect(FUTURES.weighKlines(limit)).toBe(weight);
  expect(SPOT.weighKlines(limit)).toBe(2);
});

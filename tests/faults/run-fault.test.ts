import { expect, test } from 'vitest';
import { seedsOf } from './run-fault.ts';

test('seeds are the first ones, or those that FAULT_SEED names', () => {
  expect(seedsOf(3, {})).toEqual([1, 2, 3]);
  expect(seedsOf(3, { FAULT_SEED: '7' })).toEqual([7]);
  expect(seedsOf(3, { FAULT_SEED: '2-4' })).toEqual([2, 3, 4]);
  expect(() => seedsOf(3, { FAULT_SEED: 'x' })).toThrow('FAULT_SEED "x" is no seed');
});

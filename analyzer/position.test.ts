import { describe, expect, test } from 'vitest';
import { epochMs } from '#core/time.ts';
import { TEST_OPEN_TIME } from '../tests/support/candles.ts';
import { advance, isApplied, parsePosition, positionText, START } from './position.ts';

const at = (version: bigint, op: 'c' | 'u' | 'd' | 'r', minute: number) => ({
  version,
  op,
  openTime: epochMs(TEST_OPEN_TIME + minute * 60_000),
});

describe('a change was applied already', () => {
  const snapshot = advance(START, at(10n, 'r', 5));
  test.each([
    ['when it is older', at(9n, 'r', 9), true],
    ['when it is the position itself', at(10n, 'r', 5), true],
    ['when it is an earlier row of the same snapshot', at(10n, 'r', 4), true],
    ['but not when it is a later row of it', at(10n, 'r', 6), false],
    ['but not when it is newer', at(11n, 'r', 1), false],
    ['but not when it is of the stream, at the place of the snapshot', at(10n, 'c', 4), false],
  ])('%s', (_name, change, expected) => {
    expect(isApplied(snapshot, change)).toBe(expected);
  });

  test('when it is one of the rows of a record that were taken, in whatever order', () => {
    const half = [3, 1].reduce((from, minute) => advance(from, at(10n, 'c', minute)), START);
    const taken = [0, 1, 2, 3, 4].filter((minute) => isApplied(half, at(10n, 'c', minute)));
    expect(taken).toEqual([1, 3]);
  });

  test('which the delete of a key change does not say of its create', () => {
    const half = advance(START, at(10n, 'd', 3));
    expect(isApplied(half, at(10n, 'd', 3))).toBe(true);
    expect(isApplied(half, at(10n, 'c', 3))).toBe(false);
    expect(isApplied(half, at(10n, 'c', 1))).toBe(false);
  });

  test('and nothing was at the start', () => {
    expect(isApplied(START, at(0n, 'r', 0))).toBe(false);
  });
});

test('a new version forgets the rows of the one before', () => {
  const first = advance(advance(START, at(10n, 'r', 1)), at(11n, 'c', 2));
  expect(first).toEqual({ ...START, version: 11n, openTime: 0, rows: [at(11n, 'c', 2).openTime] });
});

test.each([
  START,
  advance(START, at(2n ** 127n, 'r', 7)),
  [at(9n, 'd', 1), at(9n, 'c', 2)].reduce(advance, START),
  { ...advance(START, at(9n, 'c', 2)), anchor: 7n },
  { ...START, anchor: 0n },
  { ...START, gap: 0n },
  { ...advance(START, at(9n, 'c', 2)), anchor: 7n, gap: 12n },
])('position %# is the same after it was written and read', (position) => {
  expect(parsePosition(positionText(position))).toEqual(position);
});

test.each(['', '1', '1:2', '1:2:x', '1:2:3,', 'a:2:', '1:2:3:x', '1:2:3:4:5:6'])(
  '"%s" is none',
  (text) => {
    expect(parsePosition(text)).toBeNull();
  },
);

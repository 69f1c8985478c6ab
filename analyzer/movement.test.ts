/** Data that moves, waits or hangs, by a stepped clock. */
import { beforeEach, expect, test } from 'vitest';
import { epochMs } from '#core/time.ts';
import { Movement } from './movement.ts';

let now = 0;
let movement: Movement;

beforeEach(() => {
  now = Date.UTC(2026, 0, 1);
  movement = new Movement({ now: () => epochMs(now) }, { stalledMs: 60_000, stuckMs: 300_000 });
  movement.assign([3, 4]);
});

function see(
  seconds: number,
  ...backlogs: [partition: number, committed: bigint, waiting: bigint][]
) {
  now += seconds * 1_000;
  movement.see(
    new Map(backlogs.map(([partition, committed, waiting]) => [partition, { committed, waiting }])),
  );
  return movement.standstill()?.state ?? null;
}

test('a topic in which nothing waits is not standing still, however long', () => {
  expect(see(0, [3, 10n, 0n])).toBeNull();
  expect(see(100_000, [3, 10n, 0n])).toBeNull();
});

test('records that wait without a commit are a standstill after its bound, and stuck after the next', () => {
  expect(see(0, [3, 10n, 5n])).toBeNull();
  expect(see(59, [3, 10n, 7n])).toBeNull();
  expect(see(1, [3, 10n, 7n])).toBe('stalled');
  expect(() => movement.isMoving()).toThrow(
    'records wait in partitions 3 and none is taken, for 60 s',
  );
  expect(see(239, [3, 10n, 7n])).toBe('stalled');
  expect(see(1, [3, 10n, 7n])).toBe('stuck');
});

test('one commit is movement, however much waits', () => {
  see(0, [3, 10n, 5_000n]);
  expect(see(59, [3, 11n, 9_000n])).toBeNull();
  expect(see(59, [3, 11n, 9_000n])).toBeNull();
  expect(see(1, [3, 11n, 9_000n])).toBe('stalled');
});

test('one partition that hangs is seen beside one that moves', () => {
  see(0, [3, 10n, 5n], [4, 1n, 5n]);
  expect(see(60, [3, 20n, 5n], [4, 1n, 5n])).toBe('stalled');
  expect(movement.standstill()?.reason).toContain('partitions 4 and');
});

test('a partition of somebody else is not ours to move', () => {
  see(0, [5, 10n, 5n]);
  expect(see(600, [5, 10n, 5n])).toBeNull();
});

test('a partition that was never committed counts', () => {
  see(0, [3, -1n, 5n]);
  expect(see(60, [3, -1n, 5n])).toBe('stalled');
});

test('a long step that goes on is movement', () => {
  see(0, [3, 10n, 5n]);
  now += 59_000;
  movement.touch(3);
  expect(see(59, [3, 10n, 5n])).toBeNull();
  expect(see(1, [3, 10n, 5n])).toBe('stalled');
});

test('whoever joins the group has time from then on', () => {
  see(0, [3, 10n, 5n]);
  now += 59_000;
  movement.assign([3]);
  expect(see(59, [3, 10n, 5n])).toBeNull();
  expect(see(59, [3, 10n, 5n])).toBeNull();
  expect(see(1, [3, 10n, 5n])).toBe('stalled');
});

test('a broker that does not answer is a standstill, and none once it does', () => {
  movement.hearNothing();
  now += 60_000;
  movement.hearNothing();
  expect(movement.standstill()?.reason).toBe('Kafka does not tell how far the topic is, for 60 s');
  now += 240_000;
  expect(movement.standstill()?.state).toBe('stuck');
  expect(see(0, [3, 10n, 0n])).toBeNull();
});

import { expect, test } from 'vitest';
import { Rereads, REREADS_MAX } from './rereads.ts';

/** The ticks, counted from 1, in which a look is granted. */
function looks(rereads: Rereads, ticks: number, news: (tick: number) => boolean): number[] {
  const granted: number[] = [];
  for (let tick = 1; tick <= ticks; tick += 1) {
    rereads.tick();
    if (news(tick)) rereads.news('a');
    else if (rereads.take('a')) granted.push(tick);
  }
  return granted;
}

test('a series that this process does not know yet is looked at, a few times', () => {
  const granted = looks(new Rereads(), 1_000, () => false);
  expect(granted).toEqual([1, 3, 7]);
  expect(granted).toHaveLength(REREADS_MAX);
});

test('each close is followed by the same few looks', () => {
  expect(looks(new Rereads(), 120, (tick) => tick % 60 === 1)).toEqual([2, 4, 8, 62, 64, 68]);
});

test('a series that closes in every tick is never read again beside its runs', () => {
  expect(looks(new Rereads(), 50, () => true)).toEqual([]);
});

test('news of one series are none of another', () => {
  const rereads = new Rereads();
  looks(rereads, 20, () => false);
  rereads.news('b');
  rereads.tick();
  expect([rereads.take('a'), rereads.take('b')]).toEqual([false, true]);
});

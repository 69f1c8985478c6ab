import { expect, test } from 'vitest';
import { epochMs } from '#core/time.ts';
import { createManualClock } from '#platform/clock.ts';
import { createPacing } from './pacing.ts';

function create() {
  const clock = createManualClock(epochMs(Date.UTC(2026, 10, 21)));
  const slept: number[] = [];
  const sleep = async (ms: number) => slept.push(ms);
  return { clock, slept, pacing: createPacing({ clock, sleep }) };
}

test('those who ask at once get turns one interval apart, in the order of asking', async () => {
  const { pacing, slept } = create();
  await Promise.all(Array.from({ length: 4 }, () => pacing.pass('a.example', 1_000)));
  expect(slept).toEqual([1_000, 2_000, 3_000]);
});

test('hosts do not wait for one another', async () => {
  const { pacing, slept } = create();
  await pacing.pass('a.example', 1_000);
  await pacing.pass('b.example', 1_000);
  expect(slept).toEqual([]);
});

test('a host that was not asked for a while is asked at once', async () => {
  const { clock, pacing, slept } = create();
  await pacing.pass('a.example', 1_000);
  clock.set(epochMs(clock.now() + 1_000));
  await pacing.pass('a.example', 1_000);
  expect(slept).toEqual([]);
});

test('a queue of more than ten minutes is refused, and takes no turn', async () => {
  const { clock, pacing, slept } = create();
  await pacing.pass('a.example', 600_001);
  for (let count = 0; count < 2; count += 1) {
    await expect(pacing.pass('a.example', 1_000)).rejects.toMatchObject({
      code: 'WICK_ETL_VENUE_RATE_LIMITED',
      retryable: true,
      details: { retryAfterMs: 600_001 },
    });
  }
  clock.set(epochMs(clock.now() + 1));
  await pacing.pass('a.example', 1_000);
  expect(slept).toEqual([600_000]);
});

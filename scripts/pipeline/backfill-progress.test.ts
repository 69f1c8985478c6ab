import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { epochMs } from '#core/time.ts';
import type { BackfillPlan, Chunk } from '../../scheduler/backfill-plan.ts';
import { TEST_OPEN_TIME, TEST_SERIES } from '../../tests/support/candles.ts';
import { createBackfillProgress, durationText } from './backfill-progress.ts';

const CHUNK_MS = 100 * 60_000;

function planOf(count: number): BackfillPlan {
  const chunks = Array.from({ length: count }, (_, index): Chunk => {
    const from = TEST_OPEN_TIME + index * CHUNK_MS;
    return { series: TEST_SERIES, from: epochMs(from), to: epochMs(from + CHUNK_MS), candles: 100 };
  });
  const estimate = { candles: count * 100, requests: count, weight: count, minutes: 1 };
  return { chunks, skipped: 0, estimate };
}

/** What is written while each chunk takes a second. */
function written(plan: BackfillPlan): string[] {
  const output = new PassThrough();
  let now = 0;
  const progress = createBackfillProgress(plan, output, () => now);
  for (const chunk of plan.chunks) {
    now += 1_000;
    progress.chunk(chunk);
  }
  progress.close();
  output.end();
  return String(output.read() ?? '')
    .split('\n')
    .filter((line) => line !== '');
}

test('each chunk of a short backfill is one line that says how long the rest will take', () => {
  expect(written(planOf(4))).toEqual([
    '25 %, 3 s left, at binance-futures|perp|BTC/USDT|1m 2025-06-01T01:40:00.000Z',
    '50 %, 2 s left, at binance-futures|perp|BTC/USDT|1m 2025-06-01T03:20:00.000Z',
    '75 %, 1 s left, at binance-futures|perp|BTC/USDT|1m 2025-06-01T05:00:00.000Z',
    '100 %, 0 s left, at binance-futures|perp|BTC/USDT|1m 2025-06-01T06:40:00.000Z',
  ]);
});

test('a long one is twenty lines', () => {
  expect(written(planOf(1_000))).toHaveLength(20);
});

test('one without anything to read says nothing', () => {
  expect(written(planOf(0))).toEqual([]);
});

test.each([
  [0, '0 s'],
  [59_000, '59 s'],
  [60_000, '1 min'],
  [4_800_000, '1 h 20 min'],
])('%i ms are %s', (ms, text) => {
  expect(durationText(ms)).toBe(text);
});

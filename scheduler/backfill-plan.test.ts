import { describe, expect, test } from 'vitest';
import type { Series } from '#core/candle.ts';
import { epochMs, formatInstant, parseInstant } from '#core/time.ts';
import { TEST_SERIES } from '../tests/support/candles.ts';
import {
  boundRange,
  CHUNK_CANDLES,
  chunkMs,
  planBackfill,
  type Chunk,
  type PlanSeries,
} from './backfill-plan.ts';

const MINUTE = 60_000;
const CHUNK = chunkMs('1m');
/** The edge of a chunk. */
const START = Math.ceil(parseInstant('2025-01-01T00:00:00Z') / CHUNK) * CHUNK;
const COST = { pageCandles: 499, pageWeight: 2, weightPerMinute: 2400 };

function input(from: number, to: number, changes: Partial<PlanSeries> = {}): PlanSeries {
  return {
    series: TEST_SERIES,
    from: epochMs(START + from),
    to: epochMs(START + to),
    coverage: { stored: new Map(), done: [] },
    cost: COST,
    ...changes,
  };
}

/** Symbol, begin and end in chunks since the start. */
function shape(chunks: readonly Chunk[]): string[] {
  return chunks.map(
    ({ series, from, to }) => `${series.symbol} ${(from - START) / CHUNK}..${(to - START) / CHUNK}`,
  );
}

test('a range is cut at the same edges wherever it begins', () => {
  const { chunks } = planBackfill([input(CHUNK / 2, 2.25 * CHUNK)]);
  expect(shape(chunks)).toEqual(['BTC/USDT 0.5..1', 'BTC/USDT 1..2', 'BTC/USDT 2..2.25']);
  expect(chunks.map(({ candles }) => candles)).toEqual([5_000, 10_000, 2_500]);
});

test('within a series it goes forward, across series the newest first', () => {
  const other: Series = { ...TEST_SERIES, symbol: 'ETH/USDT' };
  const { chunks } = planBackfill([
    input(0, 3 * CHUNK),
    input(2 * CHUNK, 4 * CHUNK, { series: other }),
  ]);
  expect(shape(chunks)).toEqual([
    'ETH/USDT 2..3',
    'ETH/USDT 3..4',
    'BTC/USDT 0..1',
    'BTC/USDT 1..2',
    'BTC/USDT 2..3',
  ]);
});

test('what is stored whole is not read, and what lacks one candle is', () => {
  const first = START / CHUNK;
  const stored = new Map([
    [first, CHUNK_CANDLES],
    [first + 1, CHUNK_CANDLES - 1],
  ]);
  const plan = planBackfill([input(0, 2 * CHUNK, { coverage: { stored, done: [] } })]);
  expect(shape(plan.chunks)).toEqual(['BTC/USDT 1..2']);
  expect(plan.skipped).toBe(1);
});

test('what was read before is not read again, not even where the venue had less', () => {
  const done = [
    { from: epochMs(START), to: epochMs(START + CHUNK / 2) },
    { from: epochMs(START + CHUNK / 2), to: epochMs(START + CHUNK) },
    { from: epochMs(START + CHUNK), to: epochMs(START + 1.5 * CHUNK) },
  ];
  const plan = planBackfill([input(0, 2 * CHUNK, { coverage: { stored: new Map(), done } })]);
  expect(shape(plan.chunks)).toEqual(['BTC/USDT 1.5..2']);
  expect([plan.skipped, plan.estimate.candles]).toEqual([1, 5_000]);
});

test('a range that was read behind a hole does not hide the hole', () => {
  const done = [{ from: epochMs(START + MINUTE), to: epochMs(START + CHUNK) }];
  const plan = planBackfill([input(0, CHUNK, { coverage: { stored: new Map(), done } })]);
  expect(shape(plan.chunks)).toEqual(['BTC/USDT 0..1']);
});

test('the estimate counts the pages that the venue will be asked for', () => {
  const { estimate } = planBackfill([input(0, 100 * CHUNK)]);
  // 1,000,000 candles: 21 pages a chunk, the last one short.
  expect(estimate).toEqual({ candles: 1_000_000, requests: 2_100, weight: 4_200, minutes: 1.75 });
});

test('what is not known of one venue is not known of the whole', () => {
  const { estimate } = planBackfill([input(0, CHUNK), input(0, CHUNK, { cost: null })]);
  expect(estimate).toEqual({ candles: 20_000, requests: null, weight: null, minutes: null });
});

test('nothing to read costs nothing', () => {
  expect(planBackfill([])).toEqual({
    chunks: [],
    skipped: 0,
    estimate: { candles: 0, requests: 0, weight: 0, minutes: 0 },
  });
});

describe('a range is bounded', () => {
  const now = parseInstant('2025-06-10T12:34:56Z');
  const day = (text: string) => parseInstant(`${text}T00:00:00Z`);
  const bounds = {
    interval: '1h',
    from: day('2025-06-01'),
    to: null,
    now,
    listedAt: null,
    reachCandles: null,
  } as const;

  test.each<[string, Partial<Parameters<typeof boundRange>[0]>, [string, string] | null]>([
    ['by what has closed', {}, ['2025-06-01T00:00:00.000Z', '2025-06-10T12:00:00.000Z']],
    [
      'by the listing',
      { listedAt: day('2025-06-05') },
      ['2025-06-05T00:00:00.000Z', '2025-06-10T12:00:00.000Z'],
    ],
    [
      'by the listing alone',
      { from: null, listedAt: day('2025-06-05') },
      ['2025-06-05T00:00:00.000Z', '2025-06-10T12:00:00.000Z'],
    ],
    [
      'by the reach of the venue',
      { reachCandles: 24 },
      ['2025-06-09T12:34:56.000Z', '2025-06-10T12:00:00.000Z'],
    ],
    [
      'by what was asked for',
      { to: day('2025-06-02') },
      ['2025-06-01T00:00:00.000Z', '2025-06-02T00:00:00.000Z'],
    ],
    ['to nothing before the listing', { to: day('2025-06-02'), listedAt: day('2025-06-05') }, null],
    ['to nothing in the future', { from: day('2025-07-01') }, null],
  ])('%s', (_name, changes, expected) => {
    const range = boundRange({ ...bounds, ...changes });
    const texts = range === null ? null : [formatInstant(range.from), formatInstant(range.to)];
    expect(texts).toEqual(expected);
  });

  test('and refused where nobody says where it begins', () => {
    expect(() => boundRange({ ...bounds, from: null })).toThrow('does not say when it listed');
  });
});

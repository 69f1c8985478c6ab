/**
 * Brings the gap ledger of one series to the truth, slice by slice. In: a range, and what the venue
 * answered if it was just asked. Out: how many candles came to have which cause. Each slice is one
 * transaction that reads the candles, reads the rows, and writes where they differ.
 */
import type { Series } from '#core/candle.ts';
import type { ExpectedGrid } from '#core/calendar.ts';
import type { Gap } from '#core/gap.ts';
import { nominalWidthMs } from '#core/interval.ts';
import { epochMs, type EpochMs } from '#core/time.ts';
import { inTransaction, type Pool, type PoolClient } from '#platform/postgres.ts';
import { findHoles, findReplaced } from './find-holes.ts';
import { lockGaps, readGaps, writeGaps } from './gap-rows.ts';
import {
  addCounts,
  noCauses,
  settleGaps,
  type Answer,
  type Findings,
  type GapCounts,
  type Settled,
  type TimeRange,
} from './settle.ts';

export interface RangeToReconcile {
  readonly pool: Pool;
  readonly series: Series;
  readonly grid: ExpectedGrid;
  readonly range: TimeRange;
  readonly answer: Answer | null;
  readonly halted: Findings['halted'];
  readonly reachFrom: EpochMs | null;
  /** Our clock. */
  readonly now: EpochMs;
  readonly signal?: AbortSignal | undefined;
}

/** Bounds the memory and the length of one transaction: candles of a slice, at most. */
const SLICE_SLOTS_MAX = 100_000;

export async function reconcileRange(work: RangeToReconcile): Promise<GapCounts> {
  let counts: GapCounts = { found: 0, changed: noCauses() };
  for (const slice of slicesOf(work)) {
    work.signal?.throwIfAborted();
    const settled = await inTransaction(work.pool, (client) => settleSlice(client, work, slice));
    counts = addCounts(counts, settled);
  }
  return counts;
}

/** The parts of a range that are looked at one by one, rising. */
export function slicesOf({ range, series }: Pick<RangeToReconcile, 'range' | 'series'>) {
  const { from, to } = range;
  const step = SLICE_SLOTS_MAX * nominalWidthMs(series.interval);
  const slices: TimeRange[] = [];
  for (let start = from; start < to; start = epochMs(Math.min(start + step, to))) {
    slices.push({ from: start, to: epochMs(Math.min(start + step, to)) });
  }
  return slices;
}

/** Reads only. @param known rows that overlap the window or touch it, as they are to be taken. */
export async function judgeSlice(
  client: PoolClient,
  { series, grid, answer, halted, reachFrom, now }: RangeToReconcile,
  window: TimeRange,
  known: readonly Gap[],
): Promise<Settled> {
  const holes = await findHoles(client, series, window);
  const replaced: TimeRange[] = [];
  for (const gap of known) {
    if (gap.cause === 'synthetic') replaced.push(...(await findReplaced(client, series, gap)));
  }
  const near = halted.filter(({ from, to }) => from < window.to && to > window.from);
  const told = { known, answer, halted: near, reachFrom };
  return settleGaps({ grid, window, holes, replaced, ...told, now });
}

async function settleSlice(
  client: PoolClient,
  work: RangeToReconcile,
  window: TimeRange,
): Promise<Settled> {
  await lockGaps(client, work.series);
  const known = await readGaps(client, work.series, window);
  const settled = await judgeSlice(client, work, window, known);
  await writeGaps(client, work.series, known, settled.rows);
  return settled;
}

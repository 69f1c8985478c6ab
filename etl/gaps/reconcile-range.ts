/**
 * Brings the gap ledger of one series to the truth, slice by slice. In: a range, and what the venue
 * answered if it was just asked. Out: how many candles came to have which cause. Each slice is one
 * transaction that reads the candles, reads the rows, and writes where they differ.
 */
import type { Series } from '#core/candle.ts';
import type { ExpectedGrid } from '#core/calendar.ts';
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
  const { from, to } = work.range;
  const step = SLICE_SLOTS_MAX * nominalWidthMs(work.series.interval);
  for (let start = from; start < to; start = epochMs(Math.min(start + step, to))) {
    work.signal?.throwIfAborted();
    const slice = { from: start, to: epochMs(Math.min(start + step, to)) };
    const settled = await inTransaction(work.pool, (client) => settleSlice(client, work, slice));
    counts = addCounts(counts, settled);
  }
  return counts;
}

async function settleSlice(
  client: PoolClient,
  { series, grid, answer, halted, reachFrom, now }: RangeToReconcile,
  window: TimeRange,
): Promise<Settled> {
  await lockGaps(client, series);
  const known = await readGaps(client, series, window);
  const holes = await findHoles(client, series, window);
  const replaced: TimeRange[] = [];
  for (const gap of known) {
    if (gap.cause === 'synthetic') replaced.push(...(await findReplaced(client, series, gap)));
  }
  const near = halted.filter(({ from, to }) => from < window.to && to > window.from);
  const told = { known, answer, halted: near, reachFrom };
  const settled = settleGaps({ grid, window, holes, replaced, ...told, now });
  await writeGaps(client, series, known, settled.rows);
  return settled;
}

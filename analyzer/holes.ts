/**
 * Holes in a series that its candles must not be trusted across: gaps of the ledger that nobody could
 * explain away. In: changes of gaps. Out: which candle is the first behind a hole. Pure; the holes of a
 * series are what its gaps say after the last change, whatever they said before.
 */
import type { GapChange } from '#core/contracts/ledger-change.ts';
import type { GapCause } from '#core/gap.ts';
import { nextOpen, type Interval } from '#core/interval.ts';
import { epochMs } from '#core/time.ts';

/** Half-open. */
export interface Hole {
  /** Names the gap within its series. */
  readonly from: number;
  readonly to: number;
  /** Its candles are there, and are made up. */
  readonly isMadeUp: boolean;
}

/** In order of time; the gaps of a series do not overlap. */
export type Holes = readonly Hole[];

export const NO_HOLES: Holes = [];

/** A change of the holes: what opens at `from` or later is told anew. */
export interface HoleCut {
  readonly from: number;
  readonly version: bigint;
}

/** The venue had nothing to tell, or has told it since: then the series is whole. */
const WHOLE: readonly GapCause[] = ['venue_empty', 'repaired'];

/** What a gap says of the trust in its series. */
export interface GapState {
  readonly from: number;
  readonly to: number;
  readonly cause: GapCause;
}

/** @param gaps of one series, in order of time. */
export function holesOf(gaps: readonly GapState[]): Holes {
  return gaps.flatMap((gap) => holeOf(gap) ?? []);
}

/** The holes after a change; the very same list where it makes no difference. */
export function withGap(holes: Holes, { from, gap }: GapChange): Holes {
  const known = holes.find((hole) => hole.from === from);
  const hole = gap === null ? undefined : holeOf(gap);
  if (known === undefined && hole === undefined) return holes;
  if (known?.to === hole?.to && known?.isMadeUp === hole?.isMadeUp) return holes;
  const others = holes.filter((other) => other !== known);
  if (hole === undefined) return others;
  return [...others, hole].sort((a, b) => a.from - b.from);
}

function holeOf({ from, to, cause }: GapState): Hole | undefined {
  return WHOLE.includes(cause) ? undefined : { from, to, isMadeUp: cause === 'synthetic' };
}

/** Where a hole ends, before a change or after it, whichever is later; -Infinity for none. */
export function endOf(before: Holes, after: Holes, from: number): number {
  const ends = [before, after].map((holes) => holes.find((hole) => hole.from === from)?.to);
  return Math.max(...ends.map((end) => end ?? -Infinity));
}

/**
 * Whether a hole lies between a candle and the one before it in the series, or the candle itself is
 * made up. @param before open time of the one before, null where there is none.
 */
export function isAcrossHole(
  holes: Holes,
  interval: Interval,
  before: number | null,
  openTime: number,
): boolean {
  if (holes.length === 0) return false;
  const here = lastFrom(holes, openTime);
  if (here !== undefined && here.isMadeUp && openTime < here.to) return true;
  if (before === null) return false;
  const expected = nextOpen(interval, epochMs(before));
  if (expected >= openTime) return false;
  // Of several between the two the last one tells: what the others would say, it says too.
  const between = lastFrom(holes, openTime - 1);
  return between !== undefined && between.to > expected;
}

/** The last hole that begins at or before a time. */
function lastFrom(holes: Holes, time: number): Hole | undefined {
  let low = 0;
  let high = holes.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holes[middle]!.from <= time) low = middle + 1;
    else high = middle;
  }
  return holes[low - 1];
}

/**
 * What a backfill has to read. In: ranges, what is stored and what was read before. Out: chunks in
 * their order, and what they will cost. Pure. Within a series chunks go forward in time; across series
 * the one that stands nearest to now goes first, so that those which lack least are whole soonest.
 */
import { seriesKey, type Series } from '#core/candle.ts';
import { nominalWidthMs, type Interval } from '#core/interval.ts';
import { epochMs, type EpochMs } from '#core/time.ts';
import type { CandleCost, Coverage } from '../etl/index.ts';
import { closedUntil, type CandleRange } from './candle-range.ts';

export interface Chunk extends CandleRange {
  readonly series: Series;
  /** Places of the grid in it, an estimate for intervals beyond a day. */
  readonly candles: number;
}

export interface BackfillPlan {
  readonly chunks: readonly Chunk[];
  /** Chunks that are stored or were read before. */
  readonly skipped: number;
  readonly estimate: PlanEstimate;
}

export interface PlanEstimate {
  readonly candles: number;
  /** Null where the cost of a venue is not known. */
  readonly requests: number | null;
  readonly weight: number | null;
  /** At the venue's full allowance; venues work side by side. */
  readonly minutes: number | null;
}

/** One series to plan, its range already within what the venue can have. */
export interface PlanSeries extends CandleRange {
  readonly series: Series;
  readonly coverage: Coverage;
  readonly cost: CandleCost | null;
}

const DAY_MS = 86_400_000;
/** A chunk that dies half-way is read again whole: 20 requests at most venues. */
export const CHUNK_CANDLES = 10_000;

/** Width of chunks, ms; their edges are multiples of it, so that each plan has the same ones. */
export function chunkMs(interval: Interval): number {
  return CHUNK_CANDLES * nominalWidthMs(interval);
}

/** What bounds a range, beside what was asked for. */
export interface RangeBounds {
  readonly interval: Interval;
  /** Null asks for all there is. */
  readonly from: EpochMs | null;
  /** Null asks up to now. */
  readonly to: EpochMs | null;
  /** The venue's now. */
  readonly now: EpochMs;
  /** Null where the venue does not say. */
  readonly listedAt: EpochMs | null;
  /** How far back the venue answers, in candles; null for all. */
  readonly reachCandles: number | null;
}

/**
 * The part of what was asked for that can exist and has closed; null where there is none.
 * @throws RangeError where neither the caller nor the venue says where to begin.
 */
export function boundRange(bounds: RangeBounds): CandleRange | null {
  const { interval, from, now, listedAt, reachCandles } = bounds;
  const floors = [from, listedAt].filter((time) => time !== null);
  if (reachCandles !== null) floors.push(epochMs(now - reachCandles * nominalWidthMs(interval)));
  if (floors.length === 0) throw new RangeError('the venue does not say when it listed this');
  const closed = closedUntil(interval, now);
  const start = epochMs(Math.max(...floors));
  const end = bounds.to === null ? closed : epochMs(Math.min(bounds.to, closed));
  return start < end ? { from: start, to: end } : null;
}

export function planBackfill(inputs: readonly PlanSeries[]): BackfillPlan {
  const queues: Chunk[][] = [];
  let skipped = 0;
  for (const input of inputs) {
    const chunks = chunksOf(input);
    const wanted = chunks
      .map((chunk) => restOf(chunk, input.coverage))
      .filter((chunk) => chunk !== null);
    skipped += chunks.length - wanted.length;
    queues.push(wanted);
  }
  const estimate = estimateOf(inputs, queues);
  const chunks: Chunk[] = [];
  for (let next = takeNewest(queues); next !== null; next = takeNewest(queues)) chunks.push(next);
  return { chunks, skipped, estimate };
}

/**
 * Takes the chunk to read next: the first of the queue whose first is newest.
 * @param isBusy series that somebody works on.
 */
export function takeNewest(
  queues: readonly Chunk[][],
  isBusy: (key: string) => boolean = () => false,
): Chunk | null {
  let best: Chunk[] | null = null;
  for (const queue of queues) {
    const [head] = queue;
    if (head === undefined || isBusy(seriesKey(head.series))) continue;
    if (best === null || head.from > (best[0]?.from ?? 0)) best = queue;
  }
  return best?.shift() ?? null;
}

/** Oldest first, cut at multiples of their width. */
function chunksOf({ series, from, to }: PlanSeries): Chunk[] {
  const width = chunkMs(series.interval);
  const candleMs = nominalWidthMs(series.interval);
  const chunks: Chunk[] = [];
  for (let at: number = from; at < to;) {
    const end = Math.min(to, (Math.floor(at / width) + 1) * width);
    const candles = placesIn(at, end, candleMs);
    chunks.push({ series, from: epochMs(at), to: epochMs(end), candles });
    at = end;
  }
  return chunks;
}

/** The part of a chunk that still has to be read; null where all of it is there. */
function restOf(chunk: Chunk, { stored, done }: Coverage): Chunk | null {
  const { series, to, candles } = chunk;
  let from: number = chunk.from;
  // Oldest first, so that ranges which follow one another count as one.
  for (const range of done) if (range.from <= from && range.to > from) from = range.to;
  if (from >= to) return null;
  // Beyond a day the count is an estimate, and an estimate proves nothing.
  const width = nominalWidthMs(series.interval);
  const counted = stored.get(Math.floor(chunk.from / chunkMs(series.interval))) ?? 0;
  if (width <= DAY_MS && counted >= candles) return null;
  return { series, from: epochMs(from), to, candles: placesIn(from, to, width) };
}

function placesIn(from: number, to: number, width: number): number {
  return Math.ceil(to / width) - Math.ceil(from / width);
}

function estimateOf(
  inputs: readonly PlanSeries[],
  queues: readonly (readonly Chunk[])[],
): PlanEstimate {
  let candles = 0;
  let requests: number | null = 0;
  let weight: number | null = 0;
  const minutesOf = new Map<string, number>();
  for (const [index, { series, cost }] of inputs.entries()) {
    for (const chunk of queues[index] ?? []) {
      candles += chunk.candles;
      if (cost === null || requests === null || weight === null) {
        requests = null;
        weight = null;
        continue;
      }
      // The page after a full last one is empty, and is asked for all the same.
      const pages = Math.floor(chunk.candles / cost.pageCandles) + 1;
      requests += pages;
      weight += pages * cost.pageWeight;
      const minutes = (pages * cost.pageWeight) / cost.weightPerMinute;
      minutesOf.set(series.exchange, (minutesOf.get(series.exchange) ?? 0) + minutes);
    }
  }
  const minutes = weight === null ? null : round(Math.max(0, ...minutesOf.values()));
  return { candles, requests, weight, minutes };
}

/** To hundredths: more would only pretend. */
function round(value: number): number {
  return Math.round(value * 100) / 100;
}

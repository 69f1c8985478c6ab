/**
 * Where the newest N candles of a series lie. In: a venue and a series. Out: a range. Mostly that is a
 * matter of counting back; a series that has ended, rests at weekends or has holes is looked through
 * backwards, twice as far each time, until that many are found or nothing lies before.
 */
import { nextOpen, type Interval } from '#core/interval.ts';
import { epochMs, type EpochMs } from '#core/time.ts';
import type { Instrument, VenueAdapter } from '../../etl/extract/venue.ts';
import { newestClosed, type CandleRange } from '../../scheduler/candle-range.ts';

const EARLIEST = Date.UTC(1990, 0, 1);
/** Places of the grid that are looked through, at most: two years of minutes. */
const PLACES_MAX = 1_000_000;

export interface NewestOptions {
  readonly adapter: Pick<VenueAdapter, 'fetchCandles'>;
  readonly instrument: Pick<Instrument, 'symbol' | 'onboardTime'>;
  readonly interval: Interval;
  /** The venue's clock, or when the instrument was taken off. */
  readonly until: EpochMs;
  readonly limit: number;
  readonly signal: AbortSignal;
}

/** @throws AppError of the venue. */
export async function newestRange(options: NewestOptions): Promise<CandleRange> {
  const { instrument, interval, until, limit } = options;
  const counted = newestClosed(interval, until, limit);
  const width = nextOpen(interval, counted.from) - counted.from;
  const first = { from: counted.from, to: epochMs(counted.from + width) };
  const last = { from: epochMs(counted.to - width), to: counted.to };
  const isWhole = async (): Promise<boolean> =>
    (await openTimes(options, last)).length > 0 && (await openTimes(options, first)).length > 0;
  if (await isWhole()) return counted;
  const floor = instrument.onboardTime ?? EARLIEST;
  let found: EpochMs[] = [];
  let to = counted.to;
  let span: number = counted.to - counted.from;
  const end = Math.max(floor, EARLIEST, counted.to - PLACES_MAX * width);
  while (found.length < limit && to > end) {
    const from = epochMs(Math.max(end, to - span));
    if (from >= to) break;
    found = [...(await openTimes(options, { from, to })), ...found];
    to = from;
    span *= 2;
  }
  const from = found.at(-limit) ?? found[0];
  return from === undefined ? counted : { from, to: counted.to };
}

/** Of closed candles, oldest first. */
async function openTimes(
  { adapter, instrument, interval, signal }: NewestOptions,
  range: CandleRange,
): Promise<EpochMs[]> {
  const times: EpochMs[] = [];
  const { symbol } = instrument;
  for await (const page of adapter.fetchCandles({ symbol, interval, ...range, signal })) {
    for (const { candle } of page.candles) if (candle.isClosed) times.push(candle.openTime);
  }
  return times;
}

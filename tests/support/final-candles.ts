/** What a stream of changes leaves behind. In: its events. Out: candles and anchor of a series. */
import { seriesKey, type Series } from '#core/candle.ts';
import type { CandleChange } from '#core/contracts/candle-change.ts';
import type { EpochMs } from '#core/time.ts';
import { NO_HOLES, withGap, type Holes } from '../../analyzer/holes.ts';
import type { SeriesEvent } from '../../analyzer/partition.ts';
import { NO_ANCHOR } from '../../analyzer/series-state.ts';

/** The candles that a stream leaves behind, oldest first. */
export function finalCandles(events: readonly SeriesEvent[], series: Series): CandleChange[] {
  const candles = new Map<EpochMs, CandleChange>();
  for (const event of events) {
    if (event.key !== seriesKey(series) || !('values' in event)) continue;
    if (event.values === null) candles.delete(event.openTime);
    else if (event.values.isClosed) candles.set(event.openTime, event);
  }
  return [...candles.values()].sort((a, b) => a.openTime - b.openTime);
}

/** Open time of the first candle that counts, or NO_ANCHOR. */
export function finalAnchor(events: readonly SeriesEvent[], series: Series): number {
  const last = events.findLast((event) => event.key === seriesKey(series) && 'anchor' in event);
  return last !== undefined && 'anchor' in last ? (last.anchor ?? NO_ANCHOR) : NO_ANCHOR;
}

export function finalHoles(events: readonly SeriesEvent[], series: Series): Holes {
  let holes = NO_HOLES;
  for (const event of events) {
    if (event.key === seriesKey(series) && 'gap' in event) holes = withGap(holes, event);
  }
  return holes;
}

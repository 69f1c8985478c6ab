/** Where folding a part of a series begins. In: its history at a place. Out: a waypoint that holds. */
import type { Series } from '#core/candle.ts';
import type { HistoricCandle } from './historic-candle.ts';
import type { Position } from './position.ts';
import type { OpenRange, SeriesHistory } from './series-history.ts';
import type { CompiledRuleSet } from './signals/rule-set.ts';
import { resumeWaypoint, type Resumed } from './waypoint.ts';

/** Waypoints that may turn out stale in a row before folding starts at the anchor. */
const STALE_MAX = 8;

export interface Start {
  readonly boundary: number;
  readonly resumed: Resumed;
  /** The last candle that the waypoint holds; null where it holds none. */
  readonly before: HistoricCandle | null;
}

/**
 * The newest waypoint in the range that holds what the history says. One that was passed by while the
 * candles at its boundary were gone may be stale: then its last candle is another by now, or newer.
 */
export async function findStart(
  rules: CompiledRuleSet,
  series: Series,
  at: Position,
  { from, to }: OpenRange,
  history: SeriesHistory,
): Promise<Start | null> {
  let upTo = to;
  for (let stale = 0; stale < STALE_MAX; stale += 1) {
    const waypoint = await history.waypoint(series, at, { from, to: upTo });
    if (waypoint === null) return null;
    const { boundary, version, text } = waypoint;
    const resumed = resumeWaypoint(rules, text);
    const before = await history.candleBefore(series, at, boundary);
    const counting = before !== null && before.openTime >= from ? before : null;
    const isTrue =
      counting?.openTime === resumed.newest?.openTime && (counting?.version ?? 0n) <= version;
    if (isTrue) return { boundary, resumed, before: counting };
    upTo = boundary;
  }
  return null;
}

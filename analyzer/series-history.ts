/**
 * What the core asks of the stores about a series, always as it stood at a place in the stream: the
 * current tables may already hold later changes than the one being applied. The analyzer reads it from
 * ClickHouse (history.ts), tests from memory.
 */
import type { Series } from '#core/candle.ts';
import type { HistoricCandle } from './historic-candle.ts';
import type { Holes } from './holes.ts';
import type { Position } from './position.ts';
import type { Waypoint } from './waypoint.ts';

/** Open times, half-open; infinite where there is no bound. */
export interface OpenRange {
  readonly from: number;
  readonly to: number;
}

/** A boundary that has waypoints, of whatever version. */
export interface WaypointMark extends Omit<Waypoint, 'text'> {
  /**
   * SHA-256 of the state's text, hex; null where it cannot be told which of its states holds. So it
   * is too once a later one exists: then somebody was further already, and what follows was written
   * for a state between this one and the next.
   */
  readonly hash: string | null;
}

/**
 * Whether the newest waypoint of a boundary tells its state at a position. One of the version at hand
 * may be of rows that were not taken yet, or be overwritten by the next of them; and the older ones of
 * that boundary do not hold any more. Rows of a snapshot come in order of time: with those up to the
 * boundary taken, it is final.
 */
export function tellsState(at: Position, { boundary, version }: Omit<Waypoint, 'text'>): boolean {
  return version !== at.version || boundary <= at.openTime;
}

export interface SeriesHistory {
  /** Closed candles, oldest first, in pages of a bounded size. */
  candles(series: Series, at: Position, range: OpenRange): AsyncIterable<readonly HistoricCandle[]>;
  /** The last closed candle that opens before `time`; null where there is none. */
  candleBefore(series: Series, at: Position, time: number): Promise<HistoricCandle | null>;
  /** The last waypoint with its boundary in the range whose state can be told; null for none. */
  waypoint(series: Series, at: Position, range: OpenRange): Promise<Waypoint | null>;
  /** All waypoints with their boundary in the range, in order. */
  waypointMarks(series: Series, at: Position, range: OpenRange): Promise<readonly WaypointMark[]>;
  /** Open time of the first candle that counts, or NO_ANCHOR. */
  anchor(series: Series, at: Position): Promise<number>;
  /** What the candles of the series must not be trusted across. */
  holes(series: Series, at: Position): Promise<Holes>;
}

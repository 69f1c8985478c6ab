/**
 * The history of series in memory: what the analyzer would find in ClickHouse, from what it wrote.
 * Keyed as the tables are, so writing a row again changes nothing.
 */
import type { Series } from '#core/candle.ts';
import { seriesKey } from '#core/candle.ts';
import type { CandleChange } from '#core/contracts/candle-change.ts';
import type { AnchorChange, GapChange } from '#core/contracts/ledger-change.ts';
import type { EpochMs } from '#core/time.ts';
import { candleAfter, type HistoricCandle } from '../../analyzer/historic-candle.ts';
import { NO_HOLES, withGap, type Holes } from '../../analyzer/holes.ts';
import { isApplied, newestVersion, START, type Position } from '../../analyzer/position.ts';
import {
  tellsState,
  type OpenRange,
  type SeriesHistory,
  type WaypointMark,
} from '../../analyzer/series-history.ts';
import { NO_ANCHOR } from '../../analyzer/series-state.ts';
import { waypointHash, type Waypoint, type WaypointCause } from '../../analyzer/waypoint.ts';

/** Few, so that short histories have several pages. */
const PAGE_CANDLES = 3;

export class MemoryLedger implements SeriesHistory {
  readonly #changes = new Map<string, CandleChange>();
  readonly #anchors = new Map<string, AnchorChange>();
  readonly #gaps = new Map<string, GapChange>();
  readonly #waypoints = new Map<
    string,
    { readonly key: string; readonly offset: bigint; readonly waypoint: Waypoint }
  >();

  write(change: CandleChange): void {
    this.#changes.set(`${change.key} ${change.openTime} ${change.version}`, change);
  }

  writeAnchor(change: AnchorChange): void {
    this.#anchors.set(`${change.key} ${change.version}`, change);
  }

  /** @returns false when it was there. */
  writeGap(change: GapChange): boolean {
    const place = `${change.key} ${change.from} ${change.version}`;
    const isNew = !this.#gaps.has(place);
    this.#gaps.set(place, change);
    return isNew;
  }

  writeWaypoint(key: string, waypoint: Waypoint, { offset }: WaypointCause): void {
    const place = `${key} ${waypoint.boundary} ${waypoint.version}`;
    const known = this.#waypoints.get(place);
    if (known !== undefined && known.offset > BigInt(offset)) return;
    this.#waypoints.set(place, { key, offset: BigInt(offset), waypoint });
  }

  get waypointCount(): number {
    return this.#waypoints.size;
  }

  /** Candles as they stood at a position, oldest first. */
  asOf(series: Series, at: Position): HistoricCandle[] {
    const newest = new Map<EpochMs, CandleChange>();
    for (const change of this.#changes.values()) {
      if (change.key !== seriesKey(series) || !isApplied(at, change)) continue;
      const known = newest.get(change.openTime);
      if (known === undefined || known.version < change.version) {
        newest.set(change.openTime, change);
      }
    }
    return [...newest.values()]
      .flatMap((change) => (change.values === null ? [] : [candleAfter(change, change.values)]))
      .sort((a, b) => a.openTime - b.openTime);
  }

  /** Candles after everything. */
  current(series: Series): HistoricCandle[] {
    return this.asOf(series, { ...START, version: 2n ** 128n });
  }

  async *candles(
    series: Series,
    at: Position,
    { from, to }: OpenRange,
  ): AsyncGenerator<readonly HistoricCandle[]> {
    const found = this.asOf(series, at).filter(({ openTime }) => openTime >= from && openTime < to);
    for (let start = 0; start < found.length; start += PAGE_CANDLES) {
      yield found.slice(start, start + PAGE_CANDLES);
    }
  }

  async candleBefore(series: Series, at: Position, time: number): Promise<HistoricCandle | null> {
    return this.asOf(series, at).findLast(({ openTime }) => openTime < time) ?? null;
  }

  async waypoint(series: Series, at: Position, range: OpenRange): Promise<Waypoint | null> {
    return this.#passed(series, at, range).findLast((found) => tellsState(at, found)) ?? null;
  }

  async waypointMarks(
    series: Series,
    at: Position,
    range: OpenRange,
  ): Promise<readonly WaypointMark[]> {
    const end = { ...at, anchor: 2n ** 128n };
    const passed = this.#passed(series, at, range);
    return this.#passed(series, end, range).map((last) => {
      const { boundary, version, text } = last;
      const isTold = passed.includes(last) && tellsState(at, last);
      return { boundary, version, hash: isTold ? waypointHash(text) : null };
    });
  }

  async anchor(series: Series, at: Position): Promise<number> {
    let newest: AnchorChange | null = null;
    for (const change of this.#anchors.values()) {
      if (change.key !== seriesKey(series) || change.version > at.anchor) continue;
      if (newest === null || change.version > newest.version) newest = change;
    }
    return newest?.anchor ?? NO_ANCHOR;
  }

  async holes(series: Series, at: Position): Promise<Holes> {
    let holes = NO_HOLES;
    const taken = [...this.#gaps.values()].filter(
      ({ key, version }) => key === seriesKey(series) && version <= at.gap,
    );
    const newest = new Map<number, GapChange>();
    for (const change of taken) {
      const known = newest.get(change.from);
      if (known === undefined || known.version < change.version) newest.set(change.from, change);
    }
    for (const change of newest.values()) holes = withGap(holes, change);
    return holes;
  }

  /** The newest of each boundary, in order. */
  #passed(series: Series, at: Position, { from, to }: OpenRange): Waypoint[] {
    const newest = new Map<number, Waypoint>();
    for (const { key, waypoint } of this.#waypoints.values()) {
      const { boundary, version } = waypoint;
      if (key !== seriesKey(series) || boundary < from || boundary >= to) continue;
      const isPassed = version <= newestVersion(at);
      const known = newest.get(boundary);
      if (isPassed && (known === undefined || known.version < version)) {
        newest.set(boundary, waypoint);
      }
    }
    return [...newest.values()].sort((a, b) => a.boundary - b.boundary);
  }
}

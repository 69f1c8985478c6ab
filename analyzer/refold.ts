/**
 * Folds part of a series again: for changes in its middle, for a moved anchor, for a lost state. In:
 * the state right before the first such change, and the changes. Out: rows from the first change on,
 * each with the newest version among the causes whose open time lies at or before its own. It starts
 * at the nearest waypoint and ends where the new state is the stored one bit for bit: what follows
 * cannot differ. Deterministic: how batches are cut changes no final row.
 */
import type { Series } from '#core/candle.ts';
import { Evaluator, unanchored } from './evaluation.ts';
import { barOf } from './features/bar.ts';
import { findStart } from './find-start.ts';
import { isAcrossHole, type Holes } from './holes.ts';
import { overlayOf, walk, type Overlay } from './history-walk.ts';
import { newestVersion, type Position } from './position.ts';
import {
  RefoldPass,
  type RefoldOptions,
  type RefoldRequest,
  type Refolded,
} from './refold-pass.ts';
import type { OpenRange, SeriesHistory } from './series-history.ts';
import type { FoldedSeries } from './series-state.ts';
import type { CompiledRuleSet } from './signals/rule-set.ts';
import { boundaryOf, waypointText, type Waypoint } from './waypoint.ts';

const UNTOUCHED: Refolded = { isNewestChanged: false, row: null, rows: 0 };

/** Folds what the changes can affect; the state's position and anchor are the caller's to move. */
export async function refold(request: RefoldRequest, options: RefoldOptions): Promise<Refolded> {
  const { late, anchor, moved, cuts } = request;
  const floor = moved?.from ?? anchor;
  const older = overlayOf(late.filter(({ change }) => change.openTime < floor));
  const counting = overlayOf(late.filter(({ change }) => change.openTime >= floor));
  const stored = await storeOlder(request, older, options);
  const move = (await movesCandles(request, counting, options.history)) ? moved : null;
  if (counting.length === 0 && move === null && cuts.length === 0) {
    return { ...UNTOUCHED, rows: stored };
  }
  const pass = new RefoldPass(request, counting, move, options);
  const result = await pass.run();
  return { ...result, rows: result.rows + stored };
}

/** Whether a move of the anchor makes any candle count, or not count any more. */
async function movesCandles(
  { series, state, moved }: RefoldRequest,
  counting: readonly Overlay[],
  history: SeriesHistory,
): Promise<boolean> {
  if (moved === null) return false;
  if (counting.some(({ openTime }) => openTime < moved.to)) return true;
  for await (const page of history.candles(series, state.position, moved)) {
    if (page.length > 0) return true;
  }
  return false;
}

/** What folding a whole series leaves behind, and lets happen between. */
export interface FoldStoredOptions {
  readonly history: SeriesHistory;
  readonly holes: Holes;
  readonly waypointCandles: number;
  readonly breathe: () => Promise<void>;
  /** Told of what it passes, so that the next folding need not begin at the anchor. */
  readonly waypoint: (waypoint: Waypoint) => void;
}

/** The state of a series as the stores have it at a position. */
export async function foldStored(
  rules: CompiledRuleSet,
  series: Series,
  at: Position,
  anchor: number,
  { history, holes, waypointCandles, breathe, waypoint }: FoldStoredOptions,
): Promise<FoldedSeries> {
  const start = await findStart(rules, series, at, { from: anchor, to: Infinity }, history);
  const evaluator = start?.resumed.evaluator ?? new Evaluator(rules);
  const version = newestVersion(at);
  let newest = start?.before ?? null;
  const range = { from: start?.boundary ?? anchor, to: Infinity };
  for await (const page of history.candles(series, at, range)) {
    for (const candle of page) {
      const boundary = boundaryOf(series.interval, candle.openTime, waypointCandles);
      if (newest !== null && newest.openTime < boundary && boundary > range.from) {
        waypoint({ boundary, version, text: waypointText(evaluator, newest) });
      }
      const { openTime, values } = candle;
      const isAcross = isAcrossHole(holes, series.interval, newest?.openTime ?? null, openTime);
      evaluator.add(barOf({ ...values, openTime }), isAcross);
      newest = candle;
    }
    await breathe();
  }
  return { evaluator, newest };
}

/** Changes before the anchor: each is its own row, and nothing follows from it. @returns the rows. */
async function storeOlder(
  { series, state }: RefoldRequest,
  overlay: readonly Overlay[],
  { history, output, breathe }: RefoldOptions,
): Promise<number> {
  const [first] = overlay;
  if (first === undefined) return 0;
  const range: OpenRange = { from: first.openTime, to: overlay.at(-1)!.openTime + 1 };
  const pages = history.candles(series, state.position, range);
  let rows = 0;
  for await (const { openTime, candle, effective } of walk(pages, overlay, breathe)) {
    const last = effective.at(-1);
    if (last === undefined) continue;
    for (const change of effective) output.change(change);
    const evaluation = candle === null ? null : unanchored(state.rules);
    const { version } = last;
    output.derived({
      openTime,
      candleVersion: version,
      version,
      evaluation,
      candle,
      before: null,
    });
    rows += 1;
  }
  return rows;
}

/**
 * Waypoints of a series: the state of its evaluator at the boundaries of a grid, from which a late
 * change is folded on instead of from the beginning, and at which folding may end: where the state is
 * the stored one bit for bit, nothing that follows can differ. A waypoint holds all candles before its
 * boundary. Which boundaries there are depends on the clock's grid alone, never on what came when.
 */
import { createHash } from 'node:crypto';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { nominalWidthMs, type Interval } from '#core/interval.ts';
import { epochMs, type EpochMs } from '#core/time.ts';
import { Evaluator } from './evaluation.ts';
import { barOf } from './features/bar.ts';
import {
  invalidState,
  restoreValues,
  SAVED_VALUES,
  saveValues,
  type HistoricCandle,
} from './historic-candle.ts';
import type { CompiledRuleSet } from './signals/rule-set.ts';

/** Candles between boundaries: what a late change costs at least, against a state each. */
export const WAYPOINT_CANDLES = 1_024;

export interface Waypoint {
  /** Epoch ms; the first may lie before the times that candles have. */
  readonly boundary: number;
  readonly version: bigint;
  readonly text: string;
}

/** What made a waypoint. */
export interface WaypointCause {
  /** Kafka offset of the change. */
  readonly offset: string;
  /** Rows behind it were written again: it tells so, and must not be missing where they are there. */
  readonly isFoldedAgain: boolean;
}

const Saved = Compile(
  Type.Union([
    Type.Object(
      { openTime: Type.Integer(), values: SAVED_VALUES, evaluator: Type.String() },
      { additionalProperties: false },
    ),
    Type.Null(),
  ]),
);

/** The last boundary at or before a candle. */
export function boundaryOf(interval: Interval, openTime: EpochMs, candles: number): number {
  const width = nominalWidthMs(interval) * candles;
  return Math.floor(openTime / width) * width;
}

/** @param newest the last candle that the evaluator took; null where it took none. */
export function waypointText(
  evaluator: Evaluator,
  newest: Pick<HistoricCandle, 'openTime' | 'values'> | null,
): string {
  if (newest === null) return 'null';
  return JSON.stringify({
    openTime: newest.openTime,
    values: saveValues(newest.values),
    evaluator: evaluator.save(),
  });
}

/** An evaluator that goes on at a waypoint, and the last candle that it holds. */
export interface Resumed {
  readonly evaluator: Evaluator;
  readonly newest: Pick<HistoricCandle, 'openTime' | 'values'> | null;
}

/** @throws AppError WICK_ANALYZER_STATE_INVALID when the text is no state of these rules. */
export function resumeWaypoint(rules: CompiledRuleSet, text: string): Resumed {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw invalidState('is not JSON', error);
  }
  if (!Saved.Check(json)) throw invalidState('does not have the shape of a waypoint');
  if (json === null) return { evaluator: new Evaluator(rules), newest: null };
  const newest = { openTime: epochMs(json.openTime), values: restoreValues(json.values) };
  const evaluator = Evaluator.restore(rules, json.evaluator);
  if (evaluator.openTime !== newest.openTime) {
    throw invalidState('names another newest candle than its features');
  }
  evaluator.resumeAt(barOf({ ...newest.values, openTime: newest.openTime }));
  return { evaluator, newest };
}

export function waypointHash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/**
 * How far a series was taken. In: the changes of a series in stream order. Out: whether one of them
 * was applied already, be it delivered again. The version alone cannot tell: all rows of a snapshot
 * share one, and so do the rows that COPY puts into one record of the WAL, in whatever order, and the
 * two halves of a key change. Batches may be cut between any two of them.
 */
import type { CandleChange } from '#core/contracts/candle-change.ts';

/** The last version that was taken, and which of the rows that share it. */
export interface Position {
  readonly version: bigint;
  /** Rows of a snapshot come in order of time: the open time of the last one taken, 0 for none. */
  readonly openTime: number;
  /**
   * Rows of a record that were taken, as they came: the open time, negative for a delete. A record
   * holds no more rows than a page of the table.
   */
  readonly rows: readonly number[];
  /** The last move of the anchor that was taken, which is counted by itself; -1 for none. */
  readonly anchor: bigint;
  /** The last change of a gap that was taken, which is counted by itself; -1 for none. */
  readonly gap: bigint;
}

export const START: Position = { version: -1n, openTime: 0, rows: [], anchor: -1n, gap: -1n };

type Placed = Pick<CandleChange, 'version' | 'op' | 'openTime'>;

/** True when `change` was taken on the way to `position`: it is only delivered again. */
export function isApplied(position: Position, change: Placed): boolean {
  if (change.version !== position.version) return change.version < position.version;
  return change.op === 'r'
    ? change.openTime <= position.openTime
    : position.rows.includes(rowOf(change));
}

/** The position once `change`, which lies behind it, is taken too. */
export function advance(position: Position, change: Placed): Position {
  const { version, op, openTime } = change;
  const { anchor, gap } = position;
  const { openTime: upTo, rows } = version === position.version ? position : START;
  return op === 'r'
    ? { version, openTime, rows, anchor, gap }
    : { version, openTime: upTo, rows: [...rows, rowOf(change)], anchor, gap };
}

/** The newest change of any kind. */
export function newestVersion({ version, anchor, gap }: Position): bigint {
  const newest = anchor > version ? anchor : version;
  return gap > newest ? gap : newest;
}

export function positionText({ version, openTime, rows, anchor, gap }: Position): string {
  const text = `${version}:${openTime}:${rows.join(',')}`;
  if (gap >= 0n) return `${text}:${anchor}:${gap}`;
  return anchor < 0n ? text : `${text}:${anchor}`;
}

/** Null when `text` was not written by `positionText`. */
export function parsePosition(text: string): Position | null {
  const match = /^(-?\d+):(\d+):((?:-?\d+(?:,-?\d+)*)?)(?::(-?\d+))?(?::(\d+))?$/.exec(text);
  if (match === null) return null;
  const [, version = '', openTime = '', rows = '', anchor = '-1', gap = '-1'] = match;
  return {
    version: BigInt(version),
    openTime: Number(openTime),
    rows: rows === '' ? [] : rows.split(',').map(Number),
    anchor: BigInt(anchor),
    gap: BigInt(gap),
  };
}

function rowOf({ op, openTime }: Placed): number {
  const at: number = openTime;
  return op === 'd' ? -at : at;
}

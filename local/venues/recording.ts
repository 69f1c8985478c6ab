/**
 * One recorded series in memory. In: the bytes of a candle CSV. Out: the text as it was, with an
 * index of open times and line starts, so that a million rows cost their text and 12 bytes each.
 * The time column must be sound (integers, ascending, milliseconds), else the file is refused with
 * the line; prices are kept verbatim, right or wrong: judging them is the ETL's work.
 */
import { isEpochMs, epochMs, type EpochMs } from '#core/time.ts';
import { nextOpen, type Interval } from '#core/interval.ts';
import type { VenueId } from './venue-id.ts';

export const RECORDING_HEADER = 'timestamp_ms,open,high,low,close,volume';
/** Columns that may follow, in this order, each of them or not. */
export const EXTRA_COLUMNS = [
  'quote_volume',
  'trades',
  'taker_buy_base',
  'taker_buy_quote',
] as const;
export type ExtraColumn = (typeof EXTRA_COLUMNS)[number];
/** Why a file is refused that is well-formed and empty. */
export const NO_CANDLES = 'no candles below the header';

export interface RecordingRows {
  /** Number of candles, at least 1. */
  readonly count: number;
  /** Open times, ascending, epoch ms. */
  readonly openTimes: Float64Array;
  readonly text: Buffer;
  /** Offset of each row in `text`, and the end of the last. */
  readonly lineStarts: Uint32Array;
  /** Columns after the volume, in order. */
  readonly extras: readonly ExtraColumn[];
}

export interface Recording extends RecordingRows {
  readonly venue: VenueId;
  /** Path within the folder of recordings. */
  readonly file: string;
  readonly base: string;
  readonly quote: string;
  /** The venue's own spelling of the pair. */
  readonly venueSymbol: string;
  readonly interval: Interval;
}

export type RecordingRowsResult =
  | { readonly ok: true; readonly rows: RecordingRows }
  | { readonly ok: false; readonly reason: string };

const NEWLINE = 10;
const RETURN = 13;
const COMMA = 44;
const DIGIT_0 = 48;
const DIGIT_9 = 57;
const COLUMNS = 6;
/** More digits than this would not be an exact integer any more. */
const TIMESTAMP_DIGITS_MAX = 15;

/** Indexes a CSV; refuses it where the header, a column count or the time column is wrong. */
export function parseRecordingRows(text: Buffer): RecordingRowsResult {
  const headerEnd = lineEnd(text, 0);
  const header = text
    .toString('utf8', 0, headerEnd)
    .replace(/^\uFEFF/, '')
    .replace(/\r$/, '');
  const extras = parseExtras(header);
  if (extras === null) {
    return refuse(1, `header "${shorten(header)}" instead of "${RECORDING_HEADER}"`);
  }
  const lines = countLines(text, headerEnd + 1);
  if (lines === 0) return { ok: false, reason: NO_CANDLES };
  const openTimes = new Float64Array(lines);
  const lineStarts = new Uint32Array(lines + 1);
  let start = headerEnd + 1;
  for (let row = 0; row < lines; row += 1) {
    const end = lineEnd(text, start);
    const problem = readRow(text, start, end, COLUMNS + extras.length);
    if (typeof problem === 'string') return refuse(row + 2, problem);
    const before = row === 0 ? -Infinity : (openTimes[row - 1] ?? -Infinity);
    if (problem <= before) {
      const how = problem === before ? 'repeats' : 'is earlier than';
      return refuse(row + 2, `timestamp ${problem} ${how} the line before`);
    }
    openTimes[row] = problem;
    lineStarts[row] = start;
    start = end + 1;
  }
  lineStarts[lines] = start;
  return { ok: true, rows: { count: lines, openTimes, text, lineStarts, extras } };
}

/** Index of the first candle that opens at or after `time`; `count` where there is none. */
export function firstAtOrAfter(rows: RecordingRows, time: number): number {
  let low = 0;
  let high = rows.count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((rows.openTimes[middle] ?? Infinity) < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The rows `[from, to)` as their cells, verbatim. */
export function readCells(rows: RecordingRows, from: number, to: number): string[][] {
  if (from >= to) return [];
  const block = rows.text.toString('utf8', rows.lineStarts[from], (rows.lineStarts[to] ?? 1) - 1);
  return block.split('\n').map((line) => line.replace(/\r$/, '').split(','));
}

/** Open time of the first candle. */
export function startOf(rows: RecordingRows): EpochMs {
  return epochMs(rows.openTimes[0] ?? Number.NaN);
}

/** The moment at which the last candle is over. */
export function endOf(recording: Recording): EpochMs {
  const last = epochMs(recording.openTimes[recording.count - 1] ?? Number.NaN);
  return nextOpen(recording.interval, last);
}

/** Columns after the volume; null where the header is none of ours. */
function parseExtras(header: string): readonly ExtraColumn[] | null {
  const extras = EXTRA_COLUMNS.filter((name) => header.split(',').includes(name));
  return [RECORDING_HEADER, ...extras].join(',') === header ? extras : null;
}

/** The row's open time, or what is wrong with the row. */
function readRow(
  text: Buffer,
  start: number,
  end: number,
  columnsExpected: number,
): number | string {
  let columns = 1;
  let firstComma = -1;
  for (let at = start; at < end; at += 1) {
    if (text[at] !== COMMA) continue;
    columns += 1;
    if (firstComma < 0) firstComma = at;
  }
  if (columns !== columnsExpected) return `${columns} columns instead of ${columnsExpected}`;
  let time = 0;
  for (let at = start; at < firstComma; at += 1) {
    const byte = text[at] ?? 0;
    if (byte < DIGIT_0 || byte > DIGIT_9) {
      time = Number.NaN;
      break;
    }
    time = time * 10 + (byte - DIGIT_0);
  }
  const digits = firstComma - start;
  if (digits === 0 || digits > TIMESTAMP_DIGITS_MAX || Number.isNaN(time)) {
    return `timestamp "${shorten(text.toString('utf8', start, firstComma))}" is not an integer`;
  }
  if (!isEpochMs(time)) {
    return `timestamp ${time} is not in epoch milliseconds between 1990 and 2100`;
  }
  return time;
}

/** Lines from `start` on; blank lines at the very end do not count. */
function countLines(text: Buffer, start: number): number {
  let end = text.length;
  while (end > start && (text[end - 1] === NEWLINE || text[end - 1] === RETURN)) end -= 1;
  if (end <= start) return 0;
  let lines = 1;
  let at = text.indexOf(NEWLINE, start);
  while (at !== -1 && at < end) {
    lines += 1;
    at = text.indexOf(NEWLINE, at + 1);
  }
  return lines;
}

function lineEnd(text: Buffer, start: number): number {
  const end = text.indexOf(NEWLINE, start);
  return end === -1 ? text.length : end;
}

function refuse(line: number, what: string): RecordingRowsResult {
  return { ok: false, reason: `line ${line}: ${what}` };
}

function shorten(value: string): string {
  return value.length > 60 ? `${value.slice(0, 60)}…` : value;
}

/**
 * What the candle mappers of all venues share. In: parsed rows and how to read one of them. Out: candles
 * oldest first, each open time once and inside the range that was asked for; every other row is a
 * reject with its reason. Nothing throws, whatever the rows hold.
 */
import type { Candle, Series } from '#core/candle.ts';
import { parseDecimal, plainDecimal, type DecimalString } from '#core/decimal.ts';
import { nextOpen, type Interval } from '#core/interval.ts';
import type { EpochMs } from '#core/time.ts';
import type { CandleContext, MappedRows } from './mapper.ts';
import { finding, type Finding, type Reject } from './reject.ts';
import type { ExtractedCandle } from './venue.ts';

export type RowResult = { readonly ok: true; readonly candle: Candle } | Finding;

export interface RowReader {
  /** One row as a candle; the range and repetition are not its concern. */
  readonly map: (row: unknown, context: CandleContext) => RowResult;
  /** The open time of a raw row, where it can be read. */
  readonly openTimeOf: (row: unknown) => EpochMs | null;
  /**
   * What becomes of rows before the range: `reject` where the venue never sends any, `leave_out` where
   * it is known to. Those are not wrong, they were just not asked for, and the raw answer keeps them.
   */
  readonly early: 'reject' | 'leave_out';
}

export function mapRows(
  rows: readonly unknown[],
  context: CandleContext,
  reader: RowReader,
): MappedRows {
  const candles: ExtractedCandle[] = [];
  const rejects: Reject[] = [];
  const times = createTimes();
  for (let index = 0; index < rows.length; index += 1) {
    const row = rows[index];
    const result = reader.map(row, context);
    const problem = result.ok ? placeOf(result.candle.openTime, context, times, reader) : result;
    if (problem === 'left_out') continue;
    if (problem !== null) {
      const openTime = reader.openTimeOf(row);
      rejects.push(toReject(problem, { row, index, openTime, series: context.series }));
    } else if (result.ok) {
      candles.push({ candle: result.candle, index, row });
    }
  }
  if (times.order() === 'descending') candles.reverse();
  if (times.order() === 'none') candles.sort((a, b) => a.candle.openTime - b.candle.openTime);
  return { candles, rejects };
}

/** Open times as they come. A set is made only for an answer in neither order. */
interface Times {
  /** False where the time came before. */
  add(time: number): boolean;
  order(): 'ascending' | 'descending' | 'none';
}

function createTimes(): Times {
  const all: number[] = [];
  let seen: Set<number> | null = null;
  let least = Infinity;
  let most = -Infinity;
  let order: ReturnType<Times['order']> = 'ascending';
  return {
    order: () => order,
    add: (time) => {
      const isNewest = time > most;
      const isOldest = time < least;
      if (!isNewest && !isOldest) {
        seen ??= new Set(all);
        if (seen.has(time)) return false;
      }
      if (all.length > 0) {
        const step = isNewest ? 'ascending' : isOldest ? 'descending' : 'none';
        order = all.length === 1 || order === step ? step : 'none';
      }
      if (isNewest) most = time;
      if (isOldest) least = time;
      all.push(time);
      seen?.add(time);
      return true;
    },
  };
}

/** Null where a good row of this time belongs into the answer. */
function placeOf(
  openTime: EpochMs,
  { from, to }: CandleContext,
  times: Times,
  { early }: RowReader,
): Finding | 'left_out' | null {
  if (openTime < from && early === 'leave_out') return 'left_out';
  if (openTime < from || openTime >= to) {
    return finding('not_asked_for', `open time ${openTime} not in [${from}, ${to})`);
  }
  if (!times.add(openTime)) {
    return finding('duplicate', `open time ${openTime} for a second time`);
  }
  return null;
}

export function toReject(
  { reason, detail }: Finding,
  place: {
    readonly row: unknown;
    readonly index: number;
    readonly openTime: EpochMs | null;
    readonly series: Series;
  },
): Reject {
  const { row, index, openTime, series } = place;
  return { series, openTime, reason, detail, index, rawRow: JSON.stringify(row) };
}

/** The last month whose candles still end inside what `EpochMs` holds. */
const LAST_OPEN = Date.UTC(2099, 10, 1);

/** Where the candle ends; null where that lies outside the times we know. */
export function endOf(interval: Interval, openTime: EpochMs): EpochMs | null {
  return openTime <= LAST_OPEN ? nextOpen(interval, openTime) : null;
}

/** Parses exactly; a text that is no number is noted in `problems`, and its row is refused. */
export function exact(problems: Finding[], name: string, text: string): DecimalString {
  const plain = plainDecimal(text);
  if (plain !== null) return plain;
  const result = parseDecimal(text);
  if (result.ok) return result.value;
  problems.push(finding(result.reason, `${name} "${shorten(text)}"`));
  return ZERO;
}

/** The same for what the venue may leave out. */
export function exactOrNull(
  problems: Finding[],
  name: string,
  text: string | null,
): DecimalString | null {
  return text === null ? null : exact(problems, name, text);
}

/** Stands in a row that is refused anyway. */
const ZERO = '0' as DecimalString;

const SHOWN_CHARACTERS_MAX = 60;

function shorten(text: string): string {
  return text.length > SHOWN_CHARACTERS_MAX ? `${text.slice(0, SHOWN_CHARACTERS_MAX)}…` : text;
}

/**
 * The quick way through an answer of candles. In: the text of an answer as the venue writes it, rows of
 * six numbers without a space. Out: its rows with canonical decimals, in one pass over the text; null
 * for any other text (exponents, signs, spaces), which then has to go the long way.
 */
import type { DecimalString } from '#core/decimal.ts';
import { parseKeepingNumbers } from '../json-numbers.ts';
import { isLong, readQuickRows } from '../quick-rows.ts';

/** A row as it was sent, and what it says. */
export class CandleRow {
  readonly text: string;
  /** Seconds, as text. */
  readonly start: string;
  readonly low: DecimalString;
  readonly high: DecimalString;
  readonly open: DecimalString;
  readonly close: DecimalString;
  readonly volume: DecimalString;

  constructor(text: string, cells: RegExpExecArray) {
    this.text = text;
    this.start = cells[1] ?? '';
    this.low = cells[2] as DecimalString;
    this.high = cells[4] as DecimalString;
    this.open = cells[6] as DecimalString;
    this.close = cells[8] as DecimalString;
    this.volume = cells[10] as DecimalString;
  }

  /** The row as the venue sent it, its numbers as text. */
  toJSON(): unknown {
    return parseKeepingNumbers(this.text);
  }
}

/** A number without exponent and sign: canonical, and the zeros that it has beyond. */
const NUMBER = String.raw`((?:0|[1-9]\d*)(?:\.\d*[1-9])?)(\.?0*)`;
const SECONDS = String.raw`([1-9]\d{8,10})`;
const ROW_SOURCE = String.raw`\[${SECONDS},${Array.from({ length: 5 }, () => NUMBER).join(',')}\]`;
const FIRST_NUMBER = 2;

export function readCandleRows(text: string): readonly CandleRow[] | null {
  if (!text.startsWith('[[')) return null;
  return readQuickRows(text, ROW_SOURCE, (row, cells) =>
    areNumbers(cells) ? new CandleRow(row, cells) : null,
  );
}

/** The pattern lets through what is no JSON number, such as `5.` and `00`. */
function areNumbers(cells: RegExpExecArray): boolean {
  for (let cell = FIRST_NUMBER; cell < cells.length; cell += 2) {
    const number = cells[cell] ?? '';
    const zeros = cells[cell + 1] ?? '';
    if (isLong(number)) return false;
    if (zeros === '') continue;
    if (number.includes('.') ? zeros.startsWith('.') : !/^\.0+$/.test(zeros)) return false;
  }
  return true;
}

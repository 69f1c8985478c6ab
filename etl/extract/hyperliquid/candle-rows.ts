/**
 * The quick way through a snapshot of candles. In: the text of an answer as Hyperliquid writes it. Out:
 * its rows with canonical decimals, in one pass over the text; null for any other text, which then
 * goes through `JSON.parse`. Measured: both ways accept the same candles, this one about twice as fast.
 */
import type { DecimalString } from '#core/decimal.ts';
import { hasLong, QUICK_COUNT, QUICK_TIME, QUOTED_DECIMAL, readQuickRows } from '../quick-rows.ts';

/** A row as it was sent, and what it says. */
export class CandleRow {
  readonly text: string;
  readonly t: number;
  readonly T: number;
  readonly s: string;
  readonly i: string;
  readonly o: DecimalString;
  readonly c: DecimalString;
  readonly h: DecimalString;
  readonly l: DecimalString;
  readonly v: DecimalString;
  readonly n: number;

  constructor(text: string, cells: RegExpExecArray) {
    this.text = text;
    this.t = Number(cells[1]);
    this.T = Number(cells[2]);
    this.s = cells[3] ?? '';
    this.i = cells[4] ?? '';
    this.o = cells[5] as DecimalString;
    this.c = cells[6] as DecimalString;
    this.h = cells[7] as DecimalString;
    this.l = cells[8] as DecimalString;
    this.v = cells[9] as DecimalString;
    this.n = Number(cells[10]);
  }

  /** The row as the venue sent it. */
  toJSON(): unknown {
    return JSON.parse(this.text) as unknown;
  }
}

const T = QUICK_TIME;
const D = QUOTED_DECIMAL;
const NAME = String.raw`"([^"\\]*)"`;
const ROW_SOURCE = String.raw`\{"t":${T},"T":${T},"s":${NAME},"i":${NAME},"o":${D},"c":${D},"h":${D},"l":${D},"v":${D},"n":${QUICK_COUNT}\}`;
const FIRST_DECIMAL = 5;

export function readCandleRows(text: string): readonly CandleRow[] | null {
  if (!text.startsWith('[{"t":')) return null;
  return readQuickRows(text, ROW_SOURCE, (row, cells) =>
    hasLong(cells, FIRST_DECIMAL) ? null : new CandleRow(row, cells),
  );
}

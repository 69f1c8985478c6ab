/**
 * The quick way through a snapshot of candles. In: the text of an answer as Hyperliquid writes it. Out:
 * its rows with canonical decimals, in one pass over the text; null for any other text, which then
 * goes through `JSON.parse`. Measured: both ways accept the same candles, this one about twice as fast.
 */
import type { DecimalString } from '#core/decimal.ts';
import { isLong, QUOTED_DECIMAL } from '../quick-decimal.ts';

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

const TIME = String.raw`([1-9]\d{11,13})`;
const COUNT = String.raw`(0|[1-9]\d{0,14})`;
const NAME = String.raw`"([^"\\]*)"`;
const D = QUOTED_DECIMAL;
const ROW_SOURCE = String.raw`\{"t":${TIME},"T":${TIME},"s":${NAME},"i":${NAME},"o":${D},"c":${D},"h":${D},"l":${D},"v":${D},"n":${COUNT}\}`;
const FIRST_DECIMAL = 5;
const COMMA = 44;
const CLOSE = 93;

export function readCandleRows(text: string): readonly CandleRow[] | null {
  if (!text.startsWith('[{"t":')) return null;
  const pattern = new RegExp(ROW_SOURCE, 'y');
  const rows: CandleRow[] = [];
  let at = 1;
  for (;;) {
    pattern.lastIndex = at;
    const cells = pattern.exec(text);
    if (cells === null || hasLong(cells)) return null;
    const end = pattern.lastIndex;
    rows.push(new CandleRow(text.slice(at, end), cells));
    const next = text.charCodeAt(end);
    if (next === CLOSE) return end + 1 === text.length ? rows : null;
    if (next !== COMMA) return null;
    at = end + 1;
  }
}

function hasLong(cells: RegExpExecArray): boolean {
  for (let cell = FIRST_DECIMAL; cell < cells.length; cell += 1) {
    if (isLong(cells[cell] ?? '')) return true;
  }
  return false;
}

/**
 * The quick way through an answer of klines. In: the text of an answer as Binance writes it. Out: its
 * rows with canonical decimals, in one pass over the text; null for any other text, which then goes
 * through `JSON.parse`. Measured: both ways accept the same candles, this one about twice as fast.
 */
import type { DecimalString } from '#core/decimal.ts';
import { isLong, QUOTED_DECIMAL } from '../quick-decimal.ts';

/** A row as it was sent, and what it says. */
export class KlineRow {
  readonly text: string;
  readonly openTime: number;
  readonly open: DecimalString;
  readonly high: DecimalString;
  readonly low: DecimalString;
  readonly close: DecimalString;
  readonly volume: DecimalString;
  readonly closeTime: number;
  readonly quoteVolume: DecimalString;
  readonly trades: number;
  readonly takerBuyBase: DecimalString;
  readonly takerBuyQuote: DecimalString;

  constructor(text: string, cells: RegExpExecArray) {
    this.text = text;
    this.openTime = Number(cells[1]);
    this.open = cells[2] as DecimalString;
    this.high = cells[3] as DecimalString;
    this.low = cells[4] as DecimalString;
    this.close = cells[5] as DecimalString;
    this.volume = cells[6] as DecimalString;
    this.closeTime = Number(cells[7]);
    this.quoteVolume = cells[8] as DecimalString;
    this.trades = Number(cells[9]);
    this.takerBuyBase = cells[10] as DecimalString;
    this.takerBuyQuote = cells[11] as DecimalString;
  }

  /** The row as the venue sent it. */
  toJSON(): unknown {
    return JSON.parse(this.text) as unknown;
  }
}

/** Times and counts of a length that is an exact integer. */
const TIME = String.raw`([1-9]\d{11,13})`;
const COUNT = String.raw`(0|[1-9]\d{0,14})`;
const D = QUOTED_DECIMAL;
const ROW_SOURCE = String.raw`\[${TIME},${D},${D},${D},${D},${D},${TIME},${D},${COUNT},${D},${D},"[^"\\]*"\]`;
const COMMA = 44;
const CLOSE = 93;

export function readKlineRows(text: string): readonly KlineRow[] | null {
  if (!text.startsWith('[[')) return null;
  const pattern = new RegExp(ROW_SOURCE, 'y');
  const rows: KlineRow[] = [];
  let at = 1;
  for (;;) {
    pattern.lastIndex = at;
    const cells = pattern.exec(text);
    if (cells === null || hasLong(cells)) return null;
    const end = pattern.lastIndex;
    rows.push(new KlineRow(text.slice(at, end), cells));
    const next = text.charCodeAt(end);
    if (next === CLOSE) return end + 1 === text.length ? rows : null;
    if (next !== COMMA) return null;
    at = end + 1;
  }
}

function hasLong(cells: RegExpExecArray): boolean {
  for (let cell = 2; cell < cells.length; cell += 1) if (isLong(cells[cell] ?? '')) return true;
  return false;
}

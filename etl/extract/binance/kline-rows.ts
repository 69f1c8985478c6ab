/**
 * The quick way through an answer of klines. In: the text of an answer as Binance writes it. Out: its
 * rows with canonical decimals, in one pass over the text; null for any other text, which then goes
 * through `JSON.parse`. Measured: both ways accept the same candles, this one about twice as fast.
 */
import type { DecimalString } from '#core/decimal.ts';
import { hasLong, QUICK_COUNT, QUICK_TIME, QUOTED_DECIMAL, readQuickRows } from '../quick-rows.ts';

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

const T = QUICK_TIME;
const D = QUOTED_DECIMAL;
const ROW_SOURCE = String.raw`\[${T},${D},${D},${D},${D},${D},${T},${D},${QUICK_COUNT},${D},${D},"[^"\\]*"\]`;
const FIRST_DECIMAL = 2;

export function readKlineRows(text: string): readonly KlineRow[] | null {
  if (!text.startsWith('[[')) return null;
  return readQuickRows(text, ROW_SOURCE, (row, cells) =>
    hasLong(cells, FIRST_DECIMAL) ? null : new KlineRow(row, cells),
  );
}

/** Whether two tellings of one candle agree. In: market values. Out: yes or no, exact. */
import type { CandleValues } from '#core/candle.ts';

const FIELDS = [
  'open',
  'high',
  'low',
  'close',
  'volume',
  'quoteVolume',
  'trades',
  'takerBuyBase',
  'takerBuyQuote',
] as const;

/** Decimals are canonical text, so equal values are equal texts. What one side does not say, does not count. */
export function haveSameValues(a: CandleValues, b: CandleValues): boolean {
  return FIELDS.every((field) => a[field] === null || b[field] === null || a[field] === b[field]);
}

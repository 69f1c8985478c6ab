/** Whether two tellings of one candle agree. In: market values. Out: yes or no, exact. */
import type { CandleValues } from '#core/candle.ts';
import { compareDecimal } from '#core/decimal.ts';

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

/** Whether a candle that was still forming may have become the final one: it can only have grown. */
export function canBecome(forming: CandleValues, final: CandleValues): boolean {
  return (
    forming.open === final.open &&
    compareDecimal(forming.high, final.high) <= 0 &&
    compareDecimal(forming.low, final.low) >= 0 &&
    (forming.volume === null ||
      final.volume === null ||
      compareDecimal(forming.volume, final.volume) <= 0)
  );
}

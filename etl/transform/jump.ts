/**
 * Prices that jump. In: a candle and its neighbours. Out: whether it leaps away from them. Pure, exact
 * (decimals are compared digit by digit, never multiplied), nothing is allocated.
 *
 * The rule: a closed candle is refused when it lies tenfold away from the candle before it, by a high
 * more than ten times as high or a low less than a tenth as low, unless the candle that follows does
 * not lie tenfold away from it in turn. So a spike is refused and a new level is accepted, as soon as
 * the next candle confirms it. A candle without one before it cannot jump; one with nothing behind it
 * yet is refused for now and judged again when it is fetched with what followed.
 */
import type { CandleValues } from '#core/candle.ts';
import { isTenfoldApart } from '#core/decimal.ts';

/** How far apart neighbours may lie: a power of ten, so that exact text can be compared. */
export const JUMP_FACTOR = 10;

export type PriceRange = Pick<CandleValues, 'high' | 'low'>;

/** True where either of two candles reaches tenfold beyond the other, up or down. */
export function isFarFrom(a: PriceRange, b: PriceRange): boolean {
  return isTenfoldApart(a.high, b.high) || isTenfoldApart(a.low, b.low);
}

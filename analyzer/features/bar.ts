/**
 * The mouth of the features: exact decimal candles come in, bars of 64-bit floats go out, and from
 * here on prices are numbers. A bar's prices are finite and above zero, its volumes finite and not
 * negative, absent ones null: indicators rely on it and do not check again.
 */
import type { CandleValues } from '#core/candle.ts';
import { toFloat, type DecimalString } from '#core/decimal.ts';
import type { EpochMs } from '#core/time.ts';

/** One candle as the indicators see it. */
export interface Bar {
  readonly openTime: EpochMs;
  /** Prices in the quote asset, > 0. */
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  /** Base-asset volume, >= 0; null where the source has none. */
  readonly volume: number | null;
  /** Quote-asset volume, >= 0; null where the source has none. */
  readonly quoteVolume: number | null;
  readonly trades: number | null;
  readonly takerBuyBase: number | null;
  readonly takerBuyQuote: number | null;
}

/**
 * Maps a candle's exact values to the nearest floats.
 * @throws RangeError that names the field, where a price is not above zero or a volume is negative
 * (the database refuses such rows, so this is a broken invariant, not bad data).
 */
export function barOf(candle: CandleValues & { readonly openTime: EpochMs }): Bar {
  return {
    openTime: candle.openTime,
    open: price('open', candle.open),
    high: price('high', candle.high),
    low: price('low', candle.low),
    close: price('close', candle.close),
    volume: amount('volume', candle.volume),
    quoteVolume: amount('quoteVolume', candle.quoteVolume),
    trades: candle.trades,
    takerBuyBase: amount('takerBuyBase', candle.takerBuyBase),
    takerBuyQuote: amount('takerBuyQuote', candle.takerBuyQuote),
  };
}

function price(field: string, text: DecimalString): number {
  const value = toFloat(text);
  if (value > 0 && value < Infinity) return value;
  throw new RangeError(`${field} "${text}" is not a price: it must be above zero`);
}

function amount(field: string, text: DecimalString | null): number | null {
  if (text === null) return null;
  const value = toFloat(text);
  if (value >= 0 && value < Infinity) return value;
  throw new RangeError(`${field} "${text}" is not an amount: it must not be negative`);
}

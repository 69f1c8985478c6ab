/**
 * The candle, the noun everything here is about: one venue's summary of one instrument over one
 * interval. Prices and volumes are exact decimal text; absent optional values are null, never 0.
 */
import type { DecimalString } from './decimal.ts';
import type { Interval } from './interval.ts';
import type { EpochMs } from './time.ts';

/** Kinds of market that a venue may have. */
export const MARKET_TYPES = ['spot', 'perp', 'fx', 'equity'] as const;
export type MarketType = (typeof MARKET_TYPES)[number];

/** What makes a series: all candles that follow one another. */
export interface Series {
  /** Venue id, for example `binance-futures`. */
  readonly exchange: string;
  readonly marketType: MarketType;
  /** Canonical `BASE/QUOTE`, for example `BTC/USDT`. */
  readonly symbol: string;
  readonly interval: Interval;
}

/** Natural key of a candle: its series and open time. */
export interface CandleKey extends Series {
  readonly openTime: EpochMs;
}

/** What the market did; two candles with equal values are the same fact. */
export interface CandleValues {
  readonly open: DecimalString;
  readonly high: DecimalString;
  readonly low: DecimalString;
  readonly close: DecimalString;
  /** Base-asset volume; null where the source has none. */
  readonly volume: DecimalString | null;
  readonly quoteVolume: DecimalString | null;
  /** Number of trades, a non-negative integer. */
  readonly trades: number | null;
  readonly takerBuyBase: DecimalString | null;
  readonly takerBuyQuote: DecimalString | null;
  /** False while the interval is still running. */
  readonly isClosed: boolean;
}

/** A candle as it was seen: its key, its market values, when and how we got it. */
export interface Candle extends CandleKey, CandleValues {
  /** When we saw it, our clock. */
  readonly observedAt: EpochMs;
  /** How it reached us: `rest`, `ws`, `bulk`, … */
  readonly source: string;
}

/** `exchange|market_type|symbol|interval`, the one spelling of a series everywhere. */
export function seriesKey(series: Series): string {
  return `${series.exchange}|${series.marketType}|${series.symbol}|${series.interval}`;
}

/** A candle as commands print it. In: a candle. Out: an object of plain values; decimals stay text. */
import type { Candle } from '#core/candle.ts';
import { formatInstant } from '#core/time.ts';

export function candleJson(
  candle: Candle,
): Readonly<Record<string, string | number | boolean | null>> {
  return {
    exchange: candle.exchange,
    market_type: candle.marketType,
    symbol: candle.symbol,
    interval: candle.interval,
    open_time: formatInstant(candle.openTime),
    open_time_ms: candle.openTime,
    open: candle.open,
    high: candle.high,
    low: candle.low,
    close: candle.close,
    volume: candle.volume,
    quote_volume: candle.quoteVolume,
    trades: candle.trades,
    taker_buy_base: candle.takerBuyBase,
    taker_buy_quote: candle.takerBuyQuote,
    is_closed: candle.isClosed,
    source: candle.source,
  };
}

/** Candles for tests: one valid candle, changed where a test says so. Synthetic throughout. */
import type { Candle, Series } from '#core/candle.ts';
import { decimal } from '#core/decimal.ts';
import { epochMs, parseInstant } from '#core/time.ts';

export const TEST_SERIES: Series = {
  exchange: 'binance-futures',
  marketType: 'perp',
  symbol: 'BTC/USDT',
  interval: '1m',
};

export const TEST_OPEN_TIME = parseInstant('2025-06-01T00:00:00Z');

/** A closed candle with all optional values. */
export function testCandle(changes: Partial<Candle> = {}): Candle {
  return {
    ...TEST_SERIES,
    openTime: TEST_OPEN_TIME,
    open: decimal('100'),
    high: decimal('110'),
    low: decimal('90'),
    close: decimal('105'),
    volume: decimal('12.5'),
    quoteVolume: decimal('1250'),
    trades: 42,
    takerBuyBase: decimal('6'),
    takerBuyQuote: decimal('600'),
    isClosed: true,
    observedAt: epochMs(TEST_OPEN_TIME + 61_000),
    source: 'rest',
    ...changes,
  };
}

/** `count` closed one-minute candles that follow one another, each with prices of its own. */
export function testCandles(count: number, changes: Partial<Candle> = {}): Candle[] {
  return Array.from({ length: count }, (_, index) => {
    const price = 100 + (index % 1000);
    return testCandle({
      openTime: epochMs(TEST_OPEN_TIME + index * 60_000),
      open: decimal(`${price}.25`),
      high: decimal(`${price + 2}`),
      low: decimal(`${price - 1}`),
      close: decimal(`${price}.125`),
      ...changes,
    });
  });
}

import { expect, test } from 'vitest';
import { INTERVALS } from './interval.ts';
import { MARKET_TYPES, seriesKey } from './candle.ts';

test('a series is spelled exchange, market type, symbol, interval', () => {
  expect(
    seriesKey({
      exchange: 'binance-futures',
      marketType: 'perp',
      symbol: 'BTC/USDT',
      interval: '1m',
    }),
  ).toBe('binance-futures|perp|BTC/USDT|1m');
});

test('series that differ in one part are spelled differently', () => {
  const keys = ['a', 'b'].flatMap((exchange) =>
    MARKET_TYPES.flatMap((marketType) =>
      ['A/B', 'A/C'].flatMap((symbol) =>
        INTERVALS.map((interval) => seriesKey({ exchange, marketType, symbol, interval })),
      ),
    ),
  );
  expect(new Set(keys).size).toBe(keys.length);
});

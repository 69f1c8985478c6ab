/** Channels by the venues' own names, on the mappers of all venues. */
import { describe, expect, test } from 'vitest';
import { mapperOf, type VenueId } from '../../etl/index.ts';
import { chooseInterval } from './stream-channel.ts';

const choose = (exchange: VenueId, channel?: string, tf?: string): string =>
  chooseInterval(mapperOf(exchange), { channel, tf });

test.each<[VenueId, string | undefined, string | undefined, string]>([
  ['binance-futures', 'kline_1m', undefined, '1m'],
  ['binance-futures', 'kline_1M', undefined, '1M'],
  ['binance-futures', 'kline_1h', '1h', '1h'],
  ['binance-futures', undefined, '4h', '4h'],
  ['binance-spot', 'kline_3d', undefined, '3d'],
  ['coinbase', 'candles', undefined, '5m'],
  ['coinbase', undefined, '5m', '5m'],
  ['hyperliquid', 'candle', '1m', '1m'],
])('%s %s with --tf %s is %s', (exchange, channel, tf, interval) => {
  expect(choose(exchange, channel, tf)).toBe(interval);
});

describe('refused, with what there is', () => {
  test.each<[VenueId, string | undefined, string | undefined, RegExp]>([
    [
      'binance-futures',
      'candle_1m',
      undefined,
      /no channel "candle_1m"; it has kline_1m, kline_3m/,
    ],
    ['binance-futures', 'foo_1m', '1m', /no channel "foo_1m"/],
    ['binance-futures', '1m', undefined, /no channel "1m"/],
    ['binance-futures', 'KLINE_1m', undefined, /no channel "KLINE_1m"/],
    ['binance-futures', 'kline_7m', undefined, /no channel "kline_7m"/],
    ['binance-futures', 'kline_1m', '5m', /--tf "5m" contradicts --channel "kline_1m"/],
    ['binance-futures', 'kline_1m', '7m', /--tf is "7m"; give one of 1m, 3m/],
    ['binance-futures', undefined, undefined, /give --tf 5m, or --channel as binance-futures/],
    ['coinbase', 'candles_1m', undefined, /no channel "candles_1m"; it has candles/],
    ['coinbase', 'candles', '1m', /--tf "1m" contradicts --channel "candles", which carries 5m/],
    ['coinbase', undefined, '1m', /does not stream interval "1m"; it streams 5m/],
    ['hyperliquid', 'candle', undefined, /does not say the interval; give --tf too, one of 1m, 3m/],
    ['hyperliquid', 'candle', '6h', /--tf "6h" contradicts/],
  ])('%s %s with --tf %s', (exchange, channel, tf, message) => {
    const told = expect.stringMatching(message) as unknown;
    expect(() => choose(exchange, channel, tf)).toThrow(
      expect.objectContaining({ code: 'WICK_USAGE', message: told }),
    );
  });
});

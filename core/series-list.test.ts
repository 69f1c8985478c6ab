import { describe, expect, test } from 'vitest';
import { seriesKey } from '#core/candle.ts';
import { parseSeriesList } from './series-list.ts';

const BTC = 'binance-futures|perp|BTC/USDT|1m';

function check(text: string, keys: readonly string[]): void {
  expect(parseSeriesList(text, 'COLLECT_SERIES').map((series) => seriesKey(series))).toEqual(keys);
}

describe('a list is read', () => {
  test.each<[string, string, string[]]>([
    ['of one series', BTC, [BTC]],
    ['in its order', `ecb|fx|EUR/USD|1d,${BTC}`, ['ecb|fx|EUR/USD|1d', BTC]],
    ['with blanks and empty parts', ` ${BTC} ,,\n`, [BTC]],
    ['with a series named twice', `${BTC},ecb|fx|EUR/USD|1d,${BTC}`, [BTC, 'ecb|fx|EUR/USD|1d']],
    ['of a month', 'binance-futures|perp|BTC/USDT|1M', ['binance-futures|perp|BTC/USDT|1M']],
  ])('%s', (_name, text, keys) => check(text, keys));
});

test('the parts of a series are typed', () => {
  expect(parseSeriesList(BTC, 'COLLECT_SERIES')).toEqual([
    { exchange: 'binance-futures', marketType: 'perp', symbol: 'BTC/USDT', interval: '1m' },
  ]);
});

describe('a list is refused, naming the bad part', () => {
  test.each<[string, string]>([
    ['no exchange', '|perp|BTC/USDT|1m'],
    ['an unknown market type', 'binance-futures|future|BTC/USDT|1m'],
    ['a symbol in the venue spelling', 'binance-futures|perp|BTCUSDT|1m'],
    ['a symbol with two slashes', 'binance-futures|perp|A/B/C|1m'],
    ['a symbol without a quote', 'binance-futures|perp|BTC/|1m'],
    ['an unknown interval', 'binance-futures|perp|BTC/USDT|7m'],
    ['no interval', 'binance-futures|perp|BTC/USDT'],
    ['a part too many', `${BTC}|x`],
  ])('%s', (_name, bad) => {
    const parse = (): unknown => parseSeriesList(`${BTC},${bad}`, 'COLLECT_SERIES');
    expect(parse).toThrow(expect.objectContaining({ code: 'WICK_CONFIG_INVALID' }));
    expect(parse).toThrow(`"${bad}"`);
  });

  test('nothing at all', () => {
    expect(() => parseSeriesList(' , ', 'COLLECT_SERIES')).toThrow(
      'COLLECT_SERIES names no series',
    );
  });
});

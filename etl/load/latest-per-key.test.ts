/** Folding equals writing one after the other. */
import { expect, test } from 'vitest';
import type { Candle } from '#core/candle.ts';
import { decimal } from '#core/decimal.ts';
import { testCandle, testCandles } from '../../tests/support/candles.ts';
import type { LoadRow } from './candle-columns.ts';
import { latestPerKey } from './latest-per-key.ts';

function row(changes: Partial<Candle>, rawId = 1n): LoadRow {
  return { candle: testCandle(changes), rawId };
}

test('a rising page of one series is returned as it is', () => {
  const rows = testCandles(10).map((candle) => ({ candle, rawId: null }));
  expect(latestPerKey(rows)).toBe(rows);
});

test('the last of a key wins and stays where the first stood', () => {
  const [first, second] = testCandles(2);
  const rows: LoadRow[] = [first, second, { ...first, close: decimal('101') }]
    .filter((candle) => candle !== undefined)
    .map((candle) => ({ candle: testCandle(candle), rawId: 7n }));
  const folded = latestPerKey(rows);
  expect(folded.map(({ candle }) => [candle.openTime, candle.close])).toEqual([
    [first?.openTime, '101'],
    [second?.openTime, second?.close],
  ]);
});

test('an open row does not undo a closed candle', () => {
  const closed = row({});
  expect(latestPerKey([closed, row({ isClosed: false, close: decimal('91') })])).toEqual([closed]);
});

test('a later null keeps the earlier value', () => {
  const folded = latestPerKey([
    row({}, 1n),
    row(
      { volume: null, quoteVolume: null, trades: null, takerBuyBase: null, takerBuyQuote: null },
      2n,
    ),
  ]);
  expect(folded).toEqual([row({}, 2n)]);
});

test.each<[string, Partial<Candle>]>([
  ['exchange', { exchange: 'coinbase' }],
  ['market type', { marketType: 'spot' }],
  ['symbol', { symbol: 'ETH/USDT' }],
  ['interval', { interval: '5m' }],
])('another %s is another key', (_, changes) => {
  expect(latestPerKey([row({}), row(changes), row({})])).toHaveLength(2);
});

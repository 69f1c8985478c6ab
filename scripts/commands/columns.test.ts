/** Lines for people: cells below one another, amounts with their noun. */
import { expect, test } from 'vitest';
import { amount, describeBytes } from './amounts.ts';
import { alignColumns } from './columns.ts';

test('cells stand below one another, and the last one is not padded', () => {
  const rows = [
    ['a', amount(1, 'candle'), 'missing', 'x'],
    ['long', amount(12_000, 'candle'), 'venue_empty', ''],
  ];
  expect(alignColumns(rows)).toBe(
    'a           1 candle  missing      x\nlong  12,000 candles  venue_empty  \n',
  );
});

test('one row is as long as its cells, and none is nothing', () => {
  expect(alignColumns([['a', 'b', 'c']])).toBe('a  b  c\n');
  expect(alignColumns([])).toBe('');
});

test('an amount is one or many', () => {
  expect([amount(0, 'row'), amount(1, 'row'), amount(2, 'series', 'series')]).toEqual([
    '0 rows',
    '1 row',
    '2 series',
  ]);
  expect([describeBytes(0), describeBytes(13_312), describeBytes(1_770_776)]).toEqual([
    '0 bytes',
    '13 KiB',
    '1.7 MiB',
  ]);
});

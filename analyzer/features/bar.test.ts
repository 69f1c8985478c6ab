import { decimal, type DecimalString } from '#core/decimal.ts';
import { epochMs } from '#core/time.ts';
import { expect, it } from 'vitest';
import { barOf } from './bar.ts';

function candle(values: Readonly<Record<string, DecimalString | null>> = {}) {
  return {
    openTime: epochMs(Date.UTC(2025, 5, 1)),
    open: decimal('100'),
    high: decimal('101.5'),
    low: decimal('99'),
    close: decimal('100.000000000000000001'),
    volume: decimal('0'),
    quoteVolume: null,
    trades: 7,
    takerBuyBase: null,
    takerBuyQuote: decimal('12.5'),
    isClosed: true,
    ...values,
  };
}

it('turns exact decimals into the nearest floats and keeps absent values absent', () => {
  expect(barOf(candle())).toEqual({
    openTime: Date.UTC(2025, 5, 1),
    open: 100,
    high: 101.5,
    low: 99,
    close: 100,
    volume: 0,
    quoteVolume: null,
    trades: 7,
    takerBuyBase: null,
    takerBuyQuote: 12.5,
  });
});

it('refuses a price of zero or below and a negative volume, naming the field', () => {
  expect(() => barOf(candle({ low: decimal('0') }))).toThrow('low "0" is not a price');
  expect(() => barOf(candle({ close: decimal('-1') }))).toThrow('close "-1" is not a price');
  expect(() => barOf(candle({ volume: decimal('-0.1') }))).toThrow('volume "-0.1"');
});

it('keeps the smallest and the largest price the project stores apart from zero and infinity', () => {
  const { low, high } = barOf(
    candle({ low: decimal('0.000000000000000001'), high: decimal('99999999999999999999') }),
  );
  expect([low, high]).toEqual([1e-18, 1e20]);
});

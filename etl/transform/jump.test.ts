/** Spikes and levels, as prices in pages. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Candle } from '#core/candle.ts';
import { decimal, isTenfoldApart, type DecimalString } from '#core/decimal.ts';
import { epochMs } from '#core/time.ts';
import { TEST_OPEN_TIME, TEST_SERIES, testCandle } from '../../tests/support/candles.ts';
import type { CandlePage } from '../extract/venue.ts';
import { endsInDoubt, validatePage, type PageContext } from './validate.ts';

const flat = (price: string): Pick<Candle, 'open' | 'high' | 'low' | 'close'> => {
  const value = decimal(price);
  return { open: value, high: value, low: value, close: value };
};

function page(...prices: readonly (string | Partial<Candle>)[]): CandlePage {
  return {
    series: TEST_SERIES,
    candles: prices.map((price, index) => ({
      candle: testCandle({
        openTime: epochMs(TEST_OPEN_TIME + index * 60_000),
        ...(typeof price === 'string' ? flat(price) : { ...flat('100'), ...price }),
      }),
      index,
      row: [index],
    })),
    rejects: [],
    raw: { url: 'https://venue.test', fetchedAt: TEST_OPEN_TIME, body: '' },
    venueNow: epochMs(TEST_OPEN_TIME + 86_400_000),
    weightUsed: null,
  };
}

/** Places of a page that are refused. */
const refused = (subject: CandlePage, context?: PageContext): number[] =>
  validatePage(subject, context).rejects.map(({ index, reason }) => {
    expect(reason).toBe('jump');
    return index;
  });

describe('in one page', () => {
  test.each<[string, (string | Partial<Candle>)[], number[]]>([
    ['ten times as high is still possible', ['100', '1000', '100'], []],
    ['a little more is a spike', ['100', '1000.000000000000000001', '100'], [1]],
    ['a tenth is still possible', ['100', '10', '100'], []],
    ['a little less is a spike', ['100', '9.999999999999999999', '100'], [1]],
    ['a wick upwards is a spike', ['100', { high: decimal('5000') }, '100'], [1]],
    ['a wick downwards is a spike', ['100', { low: decimal('0.00000001') }, '100'], [1]],
    ['a new level is accepted', ['100', '5000', '5100', '5050'], []],
    ['a fallen one too', ['5000', '100', '101'], []],
    ['two spikes in different places are refused both', ['100', '5000', '0.5', '100'], [1, 2]],
    ['the last one waits for what follows', ['100', '101', '5000'], [2]],
    ['the first one has nothing to jump from', ['5000', '100', '101'], []],
    ['a lone one too', ['5000'], []],
    ['dust is measured alike', ['0.00000002', '0.0000003', '0.00000002'], [1]],
    ['a running one is not judged', ['100', { ...flat('5000'), isClosed: false }], []],
    ['a running one confirms', ['100', '5000', { ...flat('5001'), isClosed: false }], []],
  ])('%s', (_, prices, places) => {
    expect(refused(page(...prices))).toEqual(places);
  });

  test('a damaged candle neither confirms nor is jumped from', () => {
    const damaged = { ...flat('5000'), low: decimal('6000') };
    const { rejects } = validatePage(page('100', '5000', damaged, '100'));
    expect(rejects.map(({ index, reason }) => [index, reason])).toEqual([
      [1, 'jump'],
      [2, 'ohlc_order'],
    ]);
  });

  test('a refused one says from where to where, and keeps its row', () => {
    const [reject] = validatePage(page('100', '5000', '100')).rejects;
    expect(reject).toMatchObject({
      openTime: TEST_OPEN_TIME + 60_000,
      detail: '5000 to 5000 is 10 times away from 100 to 100, and the next is not there',
      rawRow: '[1]',
    });
  });

  test('jumps that somebody means are let through', () => {
    expect(refused(page('100', '5000', '100'), { acceptsJumps: true })).toEqual([]);
  });
});

describe('between pages', () => {
  const before = flat('100');

  test('the first candle is held against the one before', () => {
    expect(refused(page('5000', '100'), { before })).toEqual([0]);
    expect(refused(page('5000', '5001'), { before })).toEqual([]);
  });

  test('the last one against the one behind', () => {
    const after = testCandle(flat('5001'));
    expect(refused(page('100', '5000'), { after })).toEqual([]);
    expect(refused(page('100', '5000'), { after: testCandle(flat('100')) })).toEqual([1]);
  });

  test('a page tells when what follows must be awaited', () => {
    expect(endsInDoubt(page('100', '5000'))).toBe(true);
    expect(endsInDoubt(page('100', '5000', '5001'))).toBe(false);
    expect(endsInDoubt(page('5000'), { before })).toBe(true);
    expect(endsInDoubt(page('5000'))).toBe(false);
    expect(endsInDoubt(page())).toBe(false);
    expect(endsInDoubt(page('100', '5000', { ...flat('5001'), isClosed: false }))).toBe(true);
  });
});

test('tenfold is exact, whatever the digits', () => {
  const SCALE = 10n ** 18n;
  const text = (units: bigint): DecimalString =>
    decimal(`${units / SCALE}.${String(units % SCALE).padStart(18, '0')}`);
  const units = fc
    .tuple(fc.bigInt({ min: 1n, max: 10n ** 12n }), fc.integer({ min: 0, max: 25 }))
    .map(([digits, power]) => digits * 10n ** BigInt(power));
  fc.assert(
    fc.property(units, fc.integer({ min: -2, max: 2 }), units, (a, nudge, b) => {
      expect(isTenfoldApart(text(a), text(b))).toBe(a > b * 10n || b > a * 10n);
      const near = a * 10n + BigInt(nudge);
      if (near > 0n && near < 10n ** 38n) {
        expect(isTenfoldApart(text(near), text(a))).toBe(near > a * 10n);
        expect(isTenfoldApart(text(a), text(near))).toBe(near > a * 10n);
      }
    }),
    { numRuns: 2_000, seed: 20_250_601 },
  );
});

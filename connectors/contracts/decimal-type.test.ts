import fc from 'fast-check';
import { expect, test } from 'vitest';
import { avroType } from './contract.ts';

const typeOf = (precision: number, scale: number) =>
  avroType(JSON.stringify({ type: 'bytes', logicalType: 'decimal', precision, scale }));
const PRICE = typeOf(38, 18);
const VERSION = typeOf(39, 0);

/** Bytes without the length that Avro puts before them, hex. */
function bytes(type: typeof PRICE, value: unknown): string {
  return type.toBuffer(value).subarray(1).toString('hex');
}

test.each<[string, string]>([
  ['0', '00'],
  ['1', '01'],
  ['-1', 'ff'],
  ['127', '7f'],
  ['128', '0080'],
  ['-128', '80'],
  ['-129', 'ff7f'],
  ['32768', '008000'],
  ['340282366920938463463374607431768211455', '00ffffffffffffffffffffffffffffffff'],
])('"%s" of scale 0 is the shortest two\'s complement "%s"', (value, hex) => {
  expect(bytes(VERSION, value)).toBe(hex);
  expect(VERSION.fromBuffer(VERSION.toBuffer(value))).toBe(value);
  expect(bytes(VERSION, BigInt(value))).toBe(hex);
});

test('a price keeps every digit that numeric(38,18) has', () => {
  const scaled = fc.bigInt({ min: -(10n ** 38n) + 1n, max: 10n ** 38n - 1n });
  fc.assert(
    fc.property(scaled, (unscaled) => {
      const text: unknown = PRICE.fromBuffer(PRICE.toBuffer(unscaled));
      expect(PRICE.toBuffer(text)).toEqual(PRICE.toBuffer(unscaled));
      expect(text).toMatch(/^-?\d{1,20}(\.\d{0,17}[1-9])?$/);
    }),
    { numRuns: 500, seed: 20_250_601 },
  );
  expect(PRICE.fromBuffer(PRICE.toBuffer('94500.5'))).toBe('94500.5');
  expect(PRICE.fromBuffer(PRICE.toBuffer('-0.000000000000000001'))).toBe('-0.000000000000000001');
});

test.each([
  ['100000000000000000000', 'more than 38 digits'],
  ['0.0000000000000000001', 'no decimal of 18 fractional digits'],
  ['1e5', 'no decimal of 18'],
  ['', 'no decimal of 18'],
])('"%s" is refused, not rounded', (value, reason) => {
  expect(() => PRICE.toBuffer(value)).toThrow(reason);
});

test('a number, which may have been rounded already, is refused', () => {
  expect(() => PRICE.toBuffer(94_500.5)).toThrow('"94500.5" is no decimal');
});

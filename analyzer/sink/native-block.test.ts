import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decimal } from '#core/decimal.ts';
import { floatBits, readNative, type Cell } from '../../tests/support/binary-reader.ts';
import {
  ArrayColumn,
  DictionaryColumn,
  encodeBlock,
  NullableColumn,
  PlainColumn,
  type NativeColumn,
} from './native-block.ts';

const RUNS = { numRuns: 300, seed: 20_250_601 };

/** The cells of one column, read back from a block of its own. */
function cellsOf(column: NativeColumn): Cell[] {
  return readNative(encodeBlock({ it: column })).rows.map(({ it }) => it!);
}

test('optional values are null or what they are', () => {
  const anyPrice = fc.constantFrom('0', '-1.5', `${'9'.repeat(20)}.5`).map((text) => decimal(text));
  fc.assert(
    fc.property(
      fc.array(fc.option(anyPrice), { minLength: 1 }),
      fc.array(fc.option(fc.maxSafeInteger()), { minLength: 1 }),
      fc.array(fc.option(fc.double({ noNaN: true })), { minLength: 1 }),
      fc.array(fc.option(fc.string()), { minLength: 1 }),
      (prices, counts, ratios, texts) => {
        const decimals = new NullableColumn('Decimal(38, 18)');
        for (const price of prices) decimals.decimal(price);
        expect(cellsOf(decimals)).toEqual(prices);
        const integers = new NullableColumn('Int64');
        for (const count of counts) integers.int64(count);
        expect(cellsOf(integers)).toEqual(counts.map((one) => (one === null ? null : String(one))));
        const floats = new NullableColumn('Float64');
        for (const ratio of ratios) floats.float64(ratio);
        expect(cellsOf(floats)).toEqual(
          ratios.map((one) => (one === null ? null : floatBits(one))),
        );
        const strings = new NullableColumn('String');
        for (const text of texts) strings.string(text);
        expect(cellsOf(strings)).toEqual(texts);
      },
    ),
    RUNS,
  );
});

test('a dictionary gives back every text, each sent once', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('', 'a', 'BTC/USDT', 'ü€'), { minLength: 1 }), (texts) => {
      const column = new DictionaryColumn();
      for (const text of texts) column.string(text);
      expect(cellsOf(column)).toEqual(texts);
    }),
    RUNS,
  );
  const many = new DictionaryColumn();
  for (let index = 0; index < 70_000; index += 1) many.string(`key ${index % 66_000}`);
  expect(cellsOf(many).at(-1)).toBe('key 3999');
});

test('an array keeps each row’s elements, be it none', () => {
  const anyRows = fc.array(fc.array(fc.option(fc.double({ noNaN: true }))), { minLength: 1 });
  fc.assert(
    fc.property(anyRows, (rows) => {
      const column = new ArrayColumn(new NullableColumn('Float64'));
      for (const row of rows) {
        for (const value of row) column.elements.float64(value);
        column.end();
      }
      expect(cellsOf(column)).toEqual(
        rows.map((row) => row.map((value) => (value === null ? null : floatBits(value)))),
      );
    }),
    RUNS,
  );
});

describe('a block', () => {
  const filled = (...values: readonly number[]): PlainColumn => {
    const column = new PlainColumn('UInt8');
    for (const value of values) column.next.uint8(value);
    return column;
  };

  test('without rows has no bytes', () => {
    expect(encodeBlock({ a: filled(), b: new DictionaryColumn() })).toHaveLength(0);
  });

  test('of columns with different lengths is refused', () => {
    expect(() => encodeBlock({ a: filled(1, 2), b: filled(3) })).toThrow(
      'column b has 1 rows where the others have 2',
    );
  });

  test('holds a column that another one holds too', () => {
    const shared = filled(1, 2);
    expect(readNative(encodeBlock({ shared, a: filled(3, 4) })).rows).toEqual([
      { shared: '1', a: '3' },
      { shared: '2', a: '4' },
    ]);
    expect(readNative(encodeBlock({ shared })).types).toEqual({ shared: 'UInt8' });
  });

  test('after its columns were cleared knows nothing of what was in them', () => {
    const dictionary = new DictionaryColumn();
    const array = new ArrayColumn(new NullableColumn('String'));
    for (const text of ['old', 'older']) {
      dictionary.string(text);
      array.elements.string(text);
      array.end();
    }
    dictionary.clear();
    array.clear();
    dictionary.string('new');
    array.end();
    expect(readNative(encodeBlock({ dictionary, array })).rows).toEqual([
      { dictionary: 'new', array: [] },
    ]);
  });
});

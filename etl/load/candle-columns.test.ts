/** The text of a candle as COPY and array literals carry it. */
import { expect, test } from 'vitest';
import { testCandle } from '../../tests/support/candles.ts';
import { CANDLE_COLUMNS, columnArrays, copyLine } from './candle-columns.ts';

test('a line has one field for each column, nulls marked', () => {
  const line = copyLine({ candle: testCandle({ volume: null, trades: null }), rawId: null });
  expect(line).toBe(
    'binance-futures\tperp\tBTC/USDT\t1m\t2025-06-01T00:00:00.000Z\t100\t110\t90\t105\t\\N\t1250\t\\N' +
      '\t6\t600\tt\t2025-06-01T00:01:01.000Z\trest\t\\N\n',
  );
  expect(line.split('\t')).toHaveLength(CANDLE_COLUMNS.length);
});

test('characters that COPY gives a meaning to are escaped, each time', () => {
  const candle = testCandle({ symbol: 'A\tB\\N\n\r/C', source: 'x\\.' });
  for (let again = 0; again < 3; again += 1) {
    const line = copyLine({ candle, rawId: 1n });
    expect(line).toContain('\tA\\tB\\\\N\\n\\r/C\t');
    expect(line).toContain('\tx\\\\.\t1\n');
  }
});

test('characters that array literals give a meaning to are escaped', () => {
  const rows = ['NULL', '{"a",b}', 'a\\"b'].map((symbol) => ({
    candle: testCandle({ symbol }),
    rawId: null,
  }));
  expect(columnArrays(rows)[2]).toBe('{"NULL","{\\"a\\",b}","a\\\\\\"b"}');
});

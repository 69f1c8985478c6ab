import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseKeepingNumbers } from './json-numbers.ts';

test('numbers stay the text that was sent, wherever they stand', () => {
  expect(
    parseKeepingNumbers('{"a":1.50,"b":[1e-7,-0,16.057411940000005],"c":null,"d":"2"}'),
  ).toEqual({ a: '1.50', b: ['1e-7', '-0', '16.057411940000005'], c: null, d: '2' });
});

test('numbers inside strings and keys are left alone', () => {
  const text = String.raw`{"x1":"a \"2\" 3","4":["\\",5]}`;
  expect(parseKeepingNumbers(text)).toEqual({ x1: 'a "2" 3', '4': ['\\', '5'] });
});

test.each([
  '',
  '[01]',
  '[1.]',
  '[.5]',
  '[+1]',
  '[-]',
  '[1e]',
  '[1 2]',
  '[1,]',
  '{1:2}',
  'NaN',
  '[1',
])('what is not JSON is refused as by JSON.parse: %s', (text) => {
  expect(() => JSON.parse(text) as unknown).toThrow(SyntaxError);
  expect(() => parseKeepingNumbers(text)).toThrow(SyntaxError);
});

const quoteNumbers = (value: unknown): unknown => {
  if (typeof value === 'number') return JSON.stringify(value);
  if (Array.isArray(value)) return value.map(quoteNumbers);
  if (typeof value !== 'object' || value === null) return value;
  // Built from entries, since a key may be "__proto__".
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, quoteNumbers(each)]));
};

test('any JSON keeps its shape; only its numbers become text', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value);
      expect(parseKeepingNumbers(text)).toEqual(quoteNumbers(JSON.parse(text)));
    }),
    { numRuns: 500, seed: 4 },
  );
});

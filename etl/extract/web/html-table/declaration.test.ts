import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseDeclaration } from './declaration.ts';

const EXAMPLE_TEXT = readFileSync(
  join(import.meta.dirname, '../../../../sources/example-rates.json'),
  'utf8',
);
const EXAMPLE = JSON.parse(EXAMPLE_TEXT) as Record<string, unknown>;
const parse = (changes: Record<string, unknown>) => {
  const changed = Object.entries({ ...EXAMPLE, ...changes }).filter(
    ([, value]) => value !== undefined,
  );
  return parseDeclaration(JSON.stringify(Object.fromEntries(changed)), 'sources/mine.json');
};

describe('a declaration', () => {
  test('like the bundled example is accepted', () => {
    expect(parseDeclaration(EXAMPLE_TEXT, 'sources/example-rates.json')).toEqual(EXAMPLE);
  });

  test('need not select symbols where its address holds them', () => {
    expect(() =>
      parse({ url: 'https://rates.example/{symbol}?d={date:DD.MM.YYYY}', symbol: undefined }),
    ).not.toThrow();
  });

  test.each([
    [{ ratee: { cell: 1 } }, 'the file has the unknown key "ratee"'],
    [{ rate: undefined }, 'the file lacks "rate"'],
    [{ rate: { cel: 1 } }, '"rate" is {"cel":1}; write {"cell": 2} or {"selector": "td.rate"}'],
    [{ rate: { cell: '4' } }, '"rate.cell" is "4", but must be integer: td or th of the row'],
    [{ nominal: 3 }, '"nominal" is 3; write {"cell": 2}'],
    [{ date: { from: 'pages' } }, '"date" has "from": "pages"; write {"from": "url"}'],
    [{ date: { from: 'page', selector: 'h1' } }, '"date" lacks "format": of YYYY'],
    [{ date: { from: 'row', cell: {}, format: 'DD.MM.YYYY' } }, '"date.cell" is {}; write'],
    [{ minimumIntervalMs: '2000' }, '"minimumIntervalMs" is "2000", but must be integer'],
    [{ symbols: { USD: 'usd' } }, '"symbols.USD" is "usd"'],
    [{ url: 'rates.example/table' }, 'which is no URL'],
    [{ url: 'http://rates.example/table' }, 'use https, or say "allowHttp": true'],
    [{ url: 'ftp://rates.example/table' }, '"url" begins with "ftp:"; use https'],
    [{ allowedHosts: ['www.rates.example'] }, '"allowedHosts" lacks "rates.example"'],
    [{ allowedHosts: ['https://rates.example'] }, 'write only host or host:port'],
    [{ rate: { cell: 1, atribute: 'x' } }, '"rate" has the unknown key "atribute"'],
    [{ rate: { cell: -1 } }, '"rate.cell" is -1, but must be >= 0'],
    [{ id: 'Mine!' }, 'lower case with dashes'],
    [{ interval: '1h' }, '"interval" is "1h"'],
    [{ minimumIntervalMs: 10 }, '"minimumIntervalMs" is 10, but must be >= 1000: milliseconds'],
    [{ allowedHosts: [] }, '"allowedHosts" is [], but must not have fewer than 1 items'],
    [{ numbers: { decimal: ';', thousands: '' } }, '"numbers.decimal" is ";"'],
    [{ numbers: { decimal: '.', thousands: '.' } }, '"numbers" has one mark'],
    [{ rows: 'table >>> tr' }, '"rows" is no selector'],
    [{ symbol: { selector: 'a[' } }, '"symbol.selector" is no selector'],
    [{ rate: { cell: 1, pattern: '(' } }, '"rate.pattern" is no regular expression'],
    [{ rate: { cell: 1, pattern: '[0-9]+' } }, '"rate.pattern" has no group'],
    [{ url: 'https://rates.example/{day}' }, '"url" has a placeholder other than'],
    [{ url: 'https://rates.example/{date:DD.MM}' }, '"url" has a placeholder other than'],
    [{ url: 'https://rates.example/', date: { from: 'url' } }, 'which has no {date:…}'],
    [{ date: { from: 'page', selector: 'h1', format: 'DD' } }, '"date.format" does not name'],
    [{ symbol: undefined }, '"symbol" is absent though "url" has no {symbol}'],
    [{ quote: undefined }, '"symbols" says "USD" without what it is priced in'],
    [{ symbols: { USD: 'USD', dollar: 'USD/EUR' } }, '"symbols" names a pair twice'],
    [{ symbols: {} }, '"symbols" is {}, but must not have fewer than 1 properties'],
  ])('with %j is refused by file and field', (changes, problem) => {
    expect(() => parse(changes)).toThrow(
      expect.objectContaining({
        code: 'WICK_ETL_SOURCE_INVALID',
        message: expect.stringContaining(problem),
      }),
    );
    expect(() => parse(changes)).toThrow('the web source "sources/mine.json" cannot be used');
  });

  test('is complained of once for each mistake, and not for forms that were not meant', () => {
    const text = JSON.stringify({ ...EXAMPLE, rate: { cell: '4' }, enable: true });
    const problems = ((): unknown => {
      try {
        return parseDeclaration(text, 'a.json');
      } catch (error) {
        return error;
      }
    })();
    expect(problems).toMatchObject({
      details: {
        problems: [
          expect.stringMatching(/^the file has the unknown key "enable"; there are id, /),
          expect.stringMatching(/^"rate.cell" is "4"/),
        ],
      },
    });
  });

  test('that is no JSON, or no object, is refused', () => {
    expect(() => parseDeclaration('{"id":', 'a.json')).toThrow(
      '"a.json" cannot be used: it is no JSON',
    );
    expect(() => parseDeclaration('[]', 'a.json')).toThrow('"a.json" cannot be used: the file');
  });
});

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { epochMs } from '#core/time.ts';
import {
  SYNTHETIC_CONVERTER_PAGE,
  SYNTHETIC_ROWS,
  syntheticRatesPage,
} from '../../../../tests/support/rate-pages.ts';
import { documentOf } from '../../../../tests/support/web-documents.ts';
import { DAY_MS } from '../day-format.ts';
import { parseDeclaration, type Declaration } from './declaration.ts';
import { createTableSource } from './source.ts';

const DAY = epochMs(Date.UTC(2016, 3, 5));
const EXAMPLE = parseDeclaration(
  readFileSync(join(import.meta.dirname, '../../../../sources/example-rates.json'), 'utf8'),
  'sources/example-rates.json',
);
const read = (text: string, changes: Partial<Declaration> = {}) =>
  createTableSource({ ...EXAMPLE, ...changes }).read(text, documentOf('html', DAY));
const ratesOf = (text: string, symbol: string, changes?: Partial<Declaration>) =>
  read(text, changes)
    .cells(symbol)
    .map(({ rate }) => (rate.ok ? rate.value : rate.reason));
const withRow = (index: number, row: Partial<(typeof SYNTHETIC_ROWS)[number]>) =>
  syntheticRatesPage(
    '5 April 2016',
    SYNTHETIC_ROWS.map((each, at) => (at === index ? { ...each, ...row } : each)),
  );

describe('a declared table', () => {
  const page = syntheticRatesPage('5 April 2016');

  test('tells the exact rate of one unit, with what the row says', () => {
    expect(read(page).cells('USD')).toEqual([
      {
        day: DAY,
        rate: { ok: true, value: '0.9134' },
        index: 0,
        row: { symbol: 'USD', rate: '0,9134', nominal: '1' },
      },
    ]);
    expect(ratesOf(page, 'JPY')).toEqual(['0.005821']);
    expect(ratesOf(page, 'IDR')).toEqual(['1.2345']);
  });

  test('has the pairs that it maps, and tells no others', () => {
    expect(read(page).listings.map(({ base, quote }) => `${base}/${quote}`)).toEqual([
      'USD/EUR',
      'JPY/EUR',
      'IDR/EUR',
    ]);
    expect(read(page).cells('XAU')).toEqual([]);
  });

  test.each([
    ['a blank', { rate: '' }, 'not_a_number'],
    ['NaN', { rate: 'NaN' }, 'not_a_number'],
    ['a dash', { rate: '-' }, 'not_a_number'],
    ['text', { rate: 'closed' }, 'not_a_number'],
    ['marks of another language', { rate: '1,234.5' }, 'not_a_number'],
    ['too many digits', { rate: `0,${'1'.repeat(19)}` }, 'too_many_digits'],
    ['no units', { nominal: '' }, 'malformed_row'],
    ['a third', { nominal: '3' }, 'too_many_digits'],
    ['a second cell in the first', { rate: '0,9</td><td>0,8' }, '0.9'],
  ])('with %s in a row tells the reason for that row alone', (_name, row, told) => {
    expect(ratesOf(withRow(0, row), 'USD')).toEqual([told]);
    expect(ratesOf(withRow(0, row), 'JPY')).toEqual(['0.005821']);
  });

  test('without the cell tells that the row has no rate', () => {
    expect(ratesOf(page, 'USD', { rate: { cell: 9 } })).toEqual(['malformed_row']);
    expect(ratesOf(page, 'USD', { rate: { selector: '.gone' } })).toEqual(['malformed_row']);
    expect(ratesOf(page, 'USD', { rate: { cell: 2, attribute: 'data-x' } })).toEqual([
      'malformed_row',
    ]);
    expect(ratesOf(page, 'USD', { rate: { cell: 2, pattern: '(USD)' } })).toEqual([
      'malformed_row',
    ]);
  });

  test('tells a row without a symbol to whoever asks', () => {
    const broken = page.replace('to=XAU', 'to=');
    expect(ratesOf(broken, 'USD')).toEqual(['0.9134', 'malformed_row']);
    expect(ratesOf(broken, 'JPY')).toEqual(['0.005821', 'malformed_row']);
  });

  test('tells a row twice where it is there twice', () => {
    expect(ratesOf(withRow(1, { code: 'USD', nominal: '1' }), 'USD')).toEqual(['0.9134', '0.5821']);
  });

  test('may take the day of each row', () => {
    const { symbol: _symbol, nominal: _nominal, ...rest } = EXAMPLE;
    const declaration: Declaration = {
      ...rest,
      rows: 'tr',
      rate: { cell: 1 },
      date: { from: 'row', cell: { cell: 0 }, format: 'DD.MM.YYYY' },
    };
    const history = `<table><tr><td>05.04.2016</td><td>1,5</td></tr>
      <tr><td>04.04.2016</td><td>1,4</td></tr><tr><td>soon</td><td>1,3</td></tr></table>`;
    const sheet = createTableSource(declaration).read(history, documentOf('html'));
    expect(sheet.cells('USD').map(({ day, rate }) => [day, rate.ok])).toEqual([
      [DAY, true],
      [DAY - DAY_MS, true],
      [null, false],
    ]);
    expect(sheet.oldest).toBe(DAY - DAY_MS);
  });

  test('may take the day of its address', () => {
    expect(read(page, { date: { from: 'url' } }).cells('USD')[0]?.day).toBe(DAY);
  });

  test.each([
    ['no row', page.replace('class="rates"', 'class="prices"'), '"rows" selects no row'],
    ['no day', page.replace('5 April', '31 April'), 'but the page says "31 April 2016"'],
    ['no heading', page.replaceAll('h1', 'h2'), '"date.selector" finds no day: "h1"'],
    ['no end', page.slice(0, page.indexOf('0,5821') + 3), 'so it was cut off'],
  ])('on a page with %s is refused whole', (_name, text, why) => {
    expect(() => read(text)).toThrow(
      expect.objectContaining({
        code: 'WICK_ETL_VENUE_PAYLOAD',
        message: expect.stringContaining(why),
      }),
    );
  });

  test('never tells half a number, wherever the page was cut off', () => {
    const whole = new Set<string>(['0.9134', '0.005821', '1.2345']);
    for (let length = 1; length < page.length; length += 1) {
      const told: (string | null)[] = [];
      try {
        const sheet = read(page.slice(0, length));
        const cells = ['USD', 'JPY', 'IDR'].flatMap((symbol) => sheet.cells(symbol));
        told.push(...cells.map(({ rate }) => (rate.ok ? rate.value : null)));
      } catch (error) {
        expect(error).toMatchObject({ code: 'WICK_ETL_VENUE_PAYLOAD' });
      }
      expect(told.filter((value) => value !== null && !whole.has(value))).toEqual([]);
    }
  });
});

test('a converter page of old markup is read by its links', () => {
  const { nominal: _nominal, ...rest } = EXAMPLE;
  const converter: Declaration = {
    ...rest,
    url: 'https://converter.example/table/?from=THL',
    rows: 'table.ratesTable tbody tr',
    symbol: { selector: 'td:nth-child(2) a', attribute: 'href', pattern: 'to=([A-Z]{3})' },
    rate: { selector: 'td:nth-child(2) a' },
    date: {
      from: 'page',
      selector: '.stamp',
      pattern: '^(\\w+ \\d+, \\d+)',
      format: 'MMM DD, YYYY',
    },
    numbers: { decimal: '.', thousands: ',' },
    symbols: { FLR: 'THL/FLR', GRT: 'THL/GRT', DUC: 'THL/DUC' },
  };
  const sheet = createTableSource(converter).read(SYNTHETIC_CONVERTER_PAGE, documentOf('html'));
  const told = ['FLR', 'GRT', 'DUC'].map((symbol) => sheet.cells(symbol));
  expect(told).toMatchObject([
    [{ day: Date.UTC(2014, 3, 5), rate: { value: '0.700001' } }],
    [{ day: Date.UTC(2014, 3, 5), rate: { value: '1059.87' } }],
    [{ day: Date.UTC(2014, 3, 5), rate: { reason: 'not_a_number' } }],
  ]);
});

test('addresses hold the day and the symbol, encoded', () => {
  const url = 'https://rates.example/{symbol}/?d={date:DD.MM.YYYY}';
  const source = createTableSource({ ...EXAMPLE, url });
  const range = { first: DAY, last: epochMs(DAY + DAY_MS), now: DAY, venueSymbol: 'a/../b?c' };
  expect([...source.plan(range).documents].map((document) => document.url)).toEqual([
    'https://rates.example/a%2F..%2Fb%3Fc/?d=05.04.2016',
    'https://rates.example/a%2F..%2Fb%3Fc/?d=06.04.2016',
  ]);
});

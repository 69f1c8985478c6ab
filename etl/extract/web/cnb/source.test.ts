import { describe, expect, test } from 'vitest';
import { epochMs } from '#core/time.ts';
import { capturedText, documentOf } from '../../../../tests/support/web-documents.ts';
import { createCnbSource } from './source.ts';

const SOURCE = createCnbSource('https://www.cnb.cz');
const DAY = epochMs(Date.UTC(2016, 3, 5));
const TEXT = capturedText('cnb-today.txt', 'text');
const read = (text = TEXT) => SOURCE.read(text, documentOf('text', DAY));
const rateOf = (code: string, text = TEXT) => read(text).cells(code)[0]?.rate;

describe('the sheet of the Czech National Bank', () => {
  test('tells koruna for one unit, exactly, whatever the amount', () => {
    expect(read().listings).toHaveLength(32);
    expect(rateOf('USD')).toEqual({ ok: true, value: '23.774' });
    expect(rateOf('JPY')).toEqual({ ok: true, value: '0.21487' });
    expect(rateOf('IDR')).toEqual({ ok: true, value: '0.001798' });
    expect(read().cells('USD')[0]).toMatchObject({
      day: DAY,
      row: { date: '05.04.2016', country: 'USA', amount: '1', code: 'USD', rate: '23,774' },
    });
    expect(read().listings.find(({ base }) => base === 'USD')?.quote).toBe('CZK');
  });

  test('has its day in the address', () => {
    const { documents } = SOURCE.plan({ first: DAY, last: DAY, now: DAY, venueSymbol: 'USD' });
    expect([...documents].map(({ url }) => url)).toEqual([
      'https://www.cnb.cz/cs/financni-trhy/devizovy-trh/kurzy-devizoveho-trhu/' +
        'kurzy-devizoveho-trhu/denni_kurz.txt?date=05.04.2016',
    ]);
  });

  test.each([
    ['USA|dolar|1|USD|23,774', 'USA|dolar|1|USD|23.774', 'not_a_number'],
    ['USA|dolar|1|USD|23,774', 'USA|dolar|1|USD|', 'not_a_number'],
    ['USA|dolar|1|USD|23,774', 'USA|dolar|1|USD', 'malformed_row'],
    ['USA|dolar|1|USD|23,774', 'USA|dolar|1|USD|23,774|x', 'malformed_row'],
    ['USA|dolar|1|USD|23,774', 'USA|dolar|one|USD|23,774', 'malformed_row'],
  ])('with %j made %j refuses the rate as %s', (from, to, reason) => {
    const text = TEXT.replace(from, to);
    expect(text).not.toBe(TEXT);
    expect(rateOf('USD', text)).toMatchObject({ ok: false, reason });
  });

  test('that was cut off anywhere is refused whole', () => {
    for (let length = 0; length < TEXT.length; length += 1) {
      const text = TEXT.slice(0, length);
      // Between two lines nothing is half said, and the rows that are there are right.
      if (text.endsWith('\n') && text.split('\n').length > 3) continue;
      expect(() => read(text)).toThrow(expect.objectContaining({ code: 'WICK_ETL_VENUE_PAYLOAD' }));
    }
  });

  test('with its columns in another order is refused whole', () => {
    expect(() => read(TEXT.replace('množství|kód', 'kód|množství'))).toThrow('its columns are');
  });
});

import { describe, expect, test } from 'vitest';
import { epochMs } from '#core/time.ts';
import { capturedText, documentOf } from '../../../../tests/support/web-documents.ts';
import { createNbgSource } from './source.ts';

const SOURCE = createNbgSource('https://nbg.gov.ge');
const DAY = epochMs(Date.UTC(2022, 7, 6));
const TEXT = capturedText('nbg-today.json', 'json');
const read = (text = TEXT) => SOURCE.read(text, documentOf('json', DAY));

describe('the sheet of the National Bank of Georgia', () => {
  test('tells lari for one unit, exactly, out of the text of the rate', () => {
    const sheet = read();
    expect(sheet.listings).toHaveLength(43);
    expect(sheet.cells('AED')[0]).toEqual({
      day: DAY,
      rate: { ok: true, value: '0.73994' },
      index: 0,
      row: {
        code: 'AED',
        quantity: '10',
        rateFormated: '7.3994',
        validFromDate: '2022-08-06T00:00:00.000Z',
      },
    });
    expect(sheet.cells('AMD')[0]?.rate).toEqual({ ok: true, value: '0.0067023' });
  });

  test('tells each rate for the day that it is valid from', () => {
    const earlier = TEXT.replace(
      '"validFromDate": "2022-08-06T00:00:00.000Z"',
      '"validFromDate": "2022-08-05T00:00:00.000Z"',
    );
    expect(read(earlier).cells('AED')[0]?.day).toBe(epochMs(Date.UTC(2022, 7, 5)));
  });

  test('tells a row of another shape to whoever asks', () => {
    const cells = read(TEXT.replace('"quantity": 10,', '"quantity": "ten",')).cells('USD');
    expect(cells.map(({ rate }) => rate.ok)).toEqual([true, false]);
  });

  test.each([
    ['cut off', TEXT.slice(0, -2)],
    ['an error', '{"error":"down"}'],
    ['of no rates', '[{"date":"2022-08-06T00:00:00.000Z","currencies":[]}]'],
    ['of no day', TEXT.replace('"date": "2022-08-06T00:00:00.000Z"', '"date": "yesterday"')],
  ])('%s is refused whole', (_name, text) => {
    expect(() => read(text)).toThrow(expect.objectContaining({ code: 'WICK_ETL_VENUE_PAYLOAD' }));
  });

  test('has its day in the address', () => {
    const { documents } = SOURCE.plan({ first: DAY, last: DAY, now: DAY, venueSymbol: 'USD' });
    expect([...documents].map(({ url }) => url)).toEqual([
      'https://nbg.gov.ge/gw/api/ct/monetarypolicy/currencies/en/json/?date=2022-08-06',
    ]);
  });
});

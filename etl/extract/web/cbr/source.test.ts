import { describe, expect, test } from 'vitest';
import { epochMs } from '#core/time.ts';
import {
  capturedBytes,
  capturedText,
  documentOf,
} from '../../../../tests/support/web-documents.ts';
import { createCbrSource } from './source.ts';

const SOURCE = createCbrSource('https://www.cbr.ru');
const DAY = epochMs(Date.UTC(2016, 11, 9));
const TEXT = capturedText('cbr-daily.windows-1251.xml', 'xml');
const read = (text = TEXT) => SOURCE.read(text, documentOf('xml', DAY));
const rateOf = (code: string, text = TEXT) => read(text).cells(code)[0]?.rate;

describe('the sheet of the Bank of Russia', () => {
  test('is read by its own charset', () => {
    expect(TEXT).toContain('<Name>Австралийский доллар</Name>');
    expect(capturedBytes('cbr-daily.windows-1251.xml').includes(0xc0)).toBe(true);
  });

  test('tells roubles for one unit, exactly, whatever the nominal', () => {
    expect(read().listings).toHaveLength(33);
    expect(rateOf('USD')).toEqual({ ok: true, value: '63.3901' });
    expect(rateOf('AMD')).toEqual({ ok: true, value: '0.131783' });
    expect(rateOf('DKK')).toEqual({ ok: true, value: '9.18285' });
    expect(read().cells('AMD')[0]).toMatchObject({
      day: DAY,
      row: { Date: '09.12.2016', CharCode: 'AMD', Nominal: '100', Value: '13,1783' },
    });
    expect(read().listings.find(({ base }) => base === 'USD')?.quote).toBe('RUB');
  });

  test('has its day in the address', () => {
    const { documents } = SOURCE.plan({ first: DAY, last: DAY, now: DAY, venueSymbol: 'USD' });
    expect([...documents].map(({ url, day }) => [url, day])).toEqual([
      ['https://www.cbr.ru/scripts/XML_daily.asp?date_req=09/12/2016', DAY],
    ]);
  });

  test.each([
    ['<Value>63,3901</Value>', '<Value>63.3901</Value>', 'not_a_number'],
    ['<Value>63,3901</Value>', '<Value></Value>', 'not_a_number'],
    ['<Value>63,3901</Value>', '', 'malformed_row'],
    ['<Value>63,3901</Value>', '<Value>63,3901</Value><Value>1</Value>', 'malformed_row'],
    [/<Nominal>1<\/Nominal>(?=\s*<Name>Доллар США)/, '', 'malformed_row'],
    [/<Nominal>1<\/Nominal>(?=\s*<Name>Доллар США)/, '<Nominal>0</Nominal>', 'malformed_row'],
    [/<Nominal>1<\/Nominal>(?=\s*<Name>Доллар США)/, '<Nominal>3</Nominal>', 'too_many_digits'],
  ])('with %s made %j refuses the rate as %s', (from, to, reason) => {
    const text = TEXT.replace(from, to);
    expect(text).not.toBe(TEXT);
    expect(rateOf('USD', text)).toMatchObject({ ok: false, reason });
    expect(rateOf('GBP', text)).toEqual({ ok: true, value: '80.0807' });
  });

  test('tells a row of no currency to whoever asks', () => {
    const text = TEXT.replace('<CharCode>AUD</CharCode>', '<CharCode>?</CharCode>');
    const refused = read(text)
      .cells('USD')
      .filter(({ rate }) => !rate.ok);
    expect(refused).toMatchObject([{ rate: { reason: 'malformed_row' }, index: 0 }]);
  });

  test.each([
    ['cut off', TEXT.slice(0, -20)],
    ['of no day', TEXT.replace('09.12.2016', '12/09/2016')],
    ['of no rates', '<ValCurs Date="09.12.2016"></ValCurs>'],
    ['of another root', '<html><ValCurs Date="09.12.2016"></ValCurs></html>'],
    ['empty', ''],
  ])('%s is refused whole', (_name, text) => {
    expect(() => read(text)).toThrow(expect.objectContaining({ code: 'WICK_ETL_VENUE_PAYLOAD' }));
  });
});

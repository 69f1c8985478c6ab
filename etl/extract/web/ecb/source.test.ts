import { describe, expect, test } from 'vitest';
import { epochMs, type EpochMs } from '#core/time.ts';
import {
  capturedText,
  dailyOfRecent,
  documentOf,
} from '../../../../tests/support/web-documents.ts';
import { DAY_MS } from '../day-format.ts';
import { createEcbSource } from './source.ts';

const SOURCE = createEcbSource('https://www.ecb.europa.eu/');
const XML = documentOf('xml');
const CSV = documentOf('zip');
const day = (year: number, month: number, date: number): EpochMs =>
  epochMs(Date.UTC(year, month - 1, date));
const daily = () => SOURCE.read(capturedText('ecb-eurofxref-daily.xml', 'xml'), XML);
const recent = () => SOURCE.read(capturedText('ecb-eurofxref-hist-90d.xml', 'xml'), XML);
const history = () => SOURCE.read(capturedText('ecb-eurofxref-hist.11-lines.csv', 'text'), CSV);

describe('the daily document', () => {
  test('tells one euro in 31 currencies on one day', () => {
    const sheet = daily();
    expect(sheet.listings).toHaveLength(31);
    expect(sheet.oldest).toBe(day(2015, 1, 7));
    expect(sheet.cells('GBP')).toEqual([
      {
        day: day(2015, 1, 7),
        rate: { ok: true, value: '0.7823' },
        index: 5,
        row: { date: '2015-01-07', currency: 'GBP', rate: '0.78230' },
      },
    ]);
    expect(sheet.listings[0]).toMatchObject({ base: 'EUR', quote: 'USD', venueSymbol: 'USD' });
  });

  test('that was cut off anywhere is refused whole', () => {
    const text = capturedText('ecb-eurofxref-daily.xml', 'xml').trimEnd();
    for (let length = 0; length < text.length; length += 1) {
      expect(() => SOURCE.read(text.slice(0, length), XML)).toThrow(
        expect.objectContaining({ code: 'WICK_ETL_VENUE_PAYLOAD' }),
      );
    }
  });

  test('may hold a rate that is none: it is told with its reason', () => {
    const text = capturedText('ecb-eurofxref-daily.xml', 'xml');
    const rateOf = (from: string, to: string) =>
      SOURCE.read(text.replace(from, to), XML).cells('USD')[0]?.rate;
    expect(rateOf("rate='1.1831'", "rate='N/A'")).toMatchObject({ reason: 'not_a_number' });
    expect(rateOf("rate='1.1831'", "rate='1,1831'")).toMatchObject({ reason: 'not_a_number' });
    expect(rateOf(" rate='1.1831'", '')).toMatchObject({ reason: 'malformed_row' });
    expect(rateOf("rate='1.1831'", `rate='0.${'1'.repeat(19)}'`)).toMatchObject({
      reason: 'too_many_digits',
    });
  });

  test('expands no entity of its own, and does not fall for a bomb of them', () => {
    const bomb =
      '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>' +
      `<gesmes:Envelope><Cube><Cube time='2015-01-07'><Cube currency='USD' rate='&b;'/></Cube></Cube></gesmes:Envelope>`;
    expect(SOURCE.read(bomb, XML).cells('USD')[0]?.rate).toMatchObject({
      reason: 'not_a_number',
      detail: expect.stringContaining('&b;'),
    });
  });
});

describe('the document of 90 days', () => {
  test('tells each TARGET day once, newest first', () => {
    const sheet = recent();
    const cells = sheet.cells('USD');
    expect(cells).toHaveLength(65);
    expect(new Set(cells.map((cell) => cell.day)).size).toBe(65);
    expect(cells[0]).toMatchObject({ day: day(2019, 11, 29), rate: { ok: true, value: '1.0982' } });
    expect(sheet.oldest).toBe(cells.at(-1)?.day);
    expect(sheet.listings.map(({ venueSymbol }) => sheet.cells(venueSymbol).length)).toEqual(
      sheet.listings.map(() => 65),
    );
  });
});

describe('the history', () => {
  test('tells the same day as the others do, and nothing where a currency had no rate', () => {
    const sheet = history();
    expect(sheet.oldest).toBe(day(1999, 1, 4));
    expect(sheet.cells('USD').map((cell) => cell.rate)).toHaveLength(10);
    expect(sheet.cells('TRY')).toHaveLength(7);
    expect(sheet.cells('SIT').at(-1)).toEqual({
      day: day(1999, 1, 4),
      rate: { ok: true, value: '189.045' },
      index: 9,
      row: { date: '1999-01-04', currency: 'SIT', rate: '189.045' },
    });
  });

  test('knows since when a currency is there, and until when it was', () => {
    const { listings } = history();
    const found = (code: string) => listings.find(({ venueSymbol }) => venueSymbol === code);
    expect(listings).toHaveLength(41);
    expect(found('USD')).toMatchObject({
      isTrading: true,
      firstDay: day(1999, 1, 4),
      endDay: null,
    });
    expect(found('SIT')).toMatchObject({
      isTrading: false,
      firstDay: day(1999, 1, 4),
      endDay: day(1999, 1, 7),
    });
    // None of these lines has a rate for it.
    expect(found('BGN')).toMatchObject({ firstDay: null });
  });

  test('that was cut off within a line is refused', () => {
    const text = capturedText('ecb-eurofxref-hist.11-lines.csv', 'text').trimEnd();
    for (const length of [text.length - 1, text.length - 3, text.length - 60]) {
      expect(() => SOURCE.read(text.slice(0, length), CSV)).toThrow('it is no CSV');
    }
  });

  test('of another shape is refused', () => {
    for (const text of ['', 'Date\n', 'Day,USD,\n2020-01-01,1,\n', 'Date,us dollar,\n']) {
      expect(() => SOURCE.read(text, CSV)).toThrow('the first line is');
    }
  });
});

describe('of three documents', () => {
  const now = epochMs(day(2019, 11, 30) + DAY_MS / 2);
  const plan = (first: EpochMs) => {
    const { use, documents } = SOURCE.plan({ first, last: now, now, venueSymbol: 'USD' });
    return [use, ...[...documents].map(({ url }) => url.replace(/.*eurofxref-?/, ''))];
  };

  test('the smallest that may reach back far enough comes first', () => {
    const all = ['daily.xml', 'hist-90d.xml', 'hist.zip'];
    expect(plan(day(2019, 11, 29))).toEqual(['first-that-covers', ...all]);
    expect(plan(day(2019, 11, 1))).toEqual(['first-that-covers', ...all.slice(1)]);
    expect(plan(day(2019, 8, 1))).toEqual(['first-that-covers', 'hist.zip']);
    expect(plan(day(1999, 1, 4))).toEqual(['first-that-covers', 'hist.zip']);
  });

  test('each says the same of the same day', () => {
    const fromDaily = SOURCE.read(dailyOfRecent(), XML);
    for (const { venueSymbol } of fromDaily.listings) {
      expect(fromDaily.cells(venueSymbol)[0]?.rate).toEqual(recent().cells(venueSymbol)[0]?.rate);
    }
  });
});

/**
 * Recorded documents against the calendars of their sources: the days that a document tells are the days
 * that are expected there, no more and no fewer. A document that deviated would be named here, with why.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { calendarOf, expectedOpens } from '#core/calendar.ts';
import { epochMs, formatInstant, type EpochMs } from '#core/time.ts';
import { createCbrSource } from './cbr/source.ts';
import { createCnbSource } from './cnb/source.ts';
import { DAY_MS } from './day-format.ts';
import { createEcbSource } from './ecb/source.ts';
import { createNbgSource } from './nbg/source.ts';
import type { DocumentKind, WebSource } from './source.ts';

const ECB = createEcbSource('https://www.ecb.europa.eu');
const CBR = createCbrSource('https://www.cbr.ru');
const CNB = createCnbSource('https://www.cnb.cz');
const NBG = createNbgSource('https://nbg.gov.ge');

interface Recorded {
  readonly source: WebSource;
  readonly file: string;
  readonly kind: DocumentKind;
  readonly charset?: string;
  readonly pair: string;
}

const DOCUMENTS: readonly Recorded[] = [
  { source: ECB, file: 'ecb-eurofxref-daily.xml', kind: 'xml', pair: 'USD' },
  { source: ECB, file: 'ecb-eurofxref-hist-90d.xml', kind: 'xml', pair: 'USD' },
  {
    source: CBR,
    file: 'cbr-daily.windows-1251.xml',
    kind: 'xml',
    charset: 'windows-1251',
    pair: 'USD',
  },
  { source: CNB, file: 'cnb-today.txt', kind: 'text', pair: 'USD' },
  { source: NBG, file: 'nbg-today.json', kind: 'json', pair: 'USD' },
];

/** Days that a document tells of one pair, rising. */
function told({ source, file, kind, charset, pair }: Recorded): EpochMs[] {
  const bytes = readFileSync(join(import.meta.dirname, 'fixtures', file));
  const text = new TextDecoder(charset ?? 'utf-8').decode(bytes);
  const document = { url: `https://recorded.example/${file}`, kind, day: null, goodMs: 0 };
  const days = source.read(text, document).cells(pair);
  return days.flatMap(({ day }) => (day === null ? [] : [day])).sort((a, b) => a - b);
}

describe.each(DOCUMENTS)('$file', (recorded) => {
  test('tells the days that the calendar of its source expects', () => {
    const days = told(recorded);
    const [first] = days;
    const last = days.at(-1);
    if (first === undefined || last === undefined) throw new Error('the document tells no day');
    const grid = { calendar: recorded.source.calendar, interval: '1d' } as const;
    const expected = [...expectedOpens(grid, first, epochMs(last + DAY_MS))];
    expect(days.map(formatInstant)).toEqual(expected.map(formatInstant));
  });
});

test.each([ECB, CBR, CNB, NBG])('$id has the calendar that is known by its name', (source) => {
  expect(source.calendar).toBe(calendarOf(source.id, source.marketType));
});

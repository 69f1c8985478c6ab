/**
 * Web sources and good documents of theirs for tests that break them. In: captured bytes, SYNTHETIC tables.
 * Out: for each what its fetch would need to know, and in which words its rows tell a rate.
 */
import { zipSync } from 'fflate';
import { epochMs, type EpochMs } from '#core/time.ts';
import { createCbrSource } from '../../etl/extract/web/cbr/source.ts';
import { createCnbSource } from '../../etl/extract/web/cnb/source.ts';
import { createEcbSource } from '../../etl/extract/web/ecb/source.ts';
import { parseDeclaration } from '../../etl/extract/web/html-table/declaration.ts';
import { createTableSource } from '../../etl/extract/web/html-table/source.ts';
import { createNbgSource } from '../../etl/extract/web/nbg/source.ts';
import type { DocumentKind, WebSource } from '../../etl/extract/web/source.ts';
import { SYNTHETIC_CONVERTER_PAGE, syntheticRatesPage } from './rate-pages.ts';
import { capturedBytes, dailyOfRecent } from './web-documents.ts';

export interface FuzzedSource {
  readonly name: string;
  readonly source: WebSource;
  readonly kind: DocumentKind;
  readonly contentType: string;
  readonly entry?: string;
  readonly bytes: Buffer;
  /** The day that it is asked for; null where it holds many, or the newest. */
  readonly day: EpochMs | null;
  /** Names in a row's text of the rate and of what it is for. */
  readonly rate: string;
  readonly nominal: string | null;
  readonly date: string | null;
  readonly decimal: '.' | ',';
  readonly thousands: string;
}

const TABLE = {
  id: 'synthetic-rates',
  description: 'made up',
  marketType: 'fx',
  interval: '1d',
  calendar: 'weekdays',
  url: 'https://rates.example/table',
  allowedHosts: ['rates.example'],
  minimumIntervalMs: 2_000,
  rows: 'table.rates tbody tr',
  symbol: { selector: 'a', attribute: 'href', pattern: 'to=([A-Z]{3})' },
  nominal: { cell: 1 },
  rate: { cell: 2, remove: ['EUR'] },
  date: { from: 'page', selector: 'h1', pattern: 'of (.*)$', format: 'D MMMM YYYY' },
  numbers: { decimal: ',', thousands: '.' },
  quote: 'EUR',
  symbols: { USD: 'USD', JPY: 'JPY', IDR: 'IDR' },
};
const CONVERTER = {
  ...TABLE,
  id: 'synthetic-converter',
  rows: 'table.ratesTable tbody tr',
  symbol: { cell: 0 },
  nominal: undefined,
  rate: { selector: 'td a' },
  date: {
    from: 'page',
    selector: 'span.stamp',
    pattern: '^(\\w{3} \\d\\d, \\d{4})',
    format: 'MMM DD, YYYY',
  },
  numbers: { decimal: '.', thousands: ',' },
  symbols: { Florin: 'FLR/THL', Groat: 'GRT/THL', Ducat: 'DUC/THL' },
};

const day = (year: number, month: number, date: number): EpochMs =>
  epochMs(Date.UTC(year, month - 1, date));

const PLAIN = { decimal: '.', thousands: '' } as const;
const COMMA = { decimal: ',', thousands: '' } as const;

export function fuzzedSources(): readonly FuzzedSource[] {
  const ecb = createEcbSource('https://www.ecb.europa.eu');
  const rates = { source: ecb, rate: 'rate', nominal: null, date: 'date', day: null, ...PLAIN };
  const csv = capturedBytes('ecb-eurofxref-hist.11-lines.csv');
  const table = (declaration: Record<string, unknown>): WebSource =>
    createTableSource(parseDeclaration(JSON.stringify(declaration), 'synthetic.json'));
  return [
    {
      ...rates,
      name: 'ecb, 2015-01-07',
      kind: 'xml',
      contentType: 'text/xml',
      bytes: capturedBytes('ecb-eurofxref-daily.xml'),
    },
    {
      ...rates,
      name: 'ecb, 2019-11-29',
      kind: 'xml',
      contentType: 'application/xml',
      bytes: Buffer.from(dailyOfRecent()),
    },
    {
      ...rates,
      name: 'ecb, history',
      kind: 'zip',
      entry: 'eurofxref-hist.csv',
      contentType: 'application/zip',
      bytes: Buffer.from(zipSync({ 'eurofxref-hist.csv': csv })),
    },
    {
      ...COMMA,
      name: 'cbr',
      source: createCbrSource('https://www.cbr.ru'),
      kind: 'xml',
      contentType: 'application/xml; charset=windows-1251',
      bytes: capturedBytes('cbr-daily.windows-1251.xml'),
      day: day(2016, 12, 9),
      rate: 'Value',
      nominal: 'Nominal',
      date: 'Date',
    },
    {
      ...COMMA,
      name: 'cnb',
      source: createCnbSource('https://www.cnb.cz'),
      kind: 'text',
      contentType: 'text/plain; charset=utf-8',
      bytes: capturedBytes('cnb-today.txt'),
      day: day(2016, 4, 5),
      rate: 'rate',
      nominal: 'amount',
      date: 'date',
    },
    {
      ...PLAIN,
      name: 'nbg',
      source: createNbgSource('https://nbg.gov.ge'),
      kind: 'json',
      contentType: 'application/json',
      bytes: capturedBytes('nbg-today.json'),
      day: day(2022, 8, 6),
      rate: 'rateFormated',
      nominal: 'quantity',
      date: 'validFromDate',
    },
    {
      name: 'a declared table',
      source: table(TABLE),
      kind: 'html',
      contentType: 'text/html',
      bytes: Buffer.from(syntheticRatesPage('5 April 2016')),
      day: null,
      rate: 'rate',
      nominal: 'nominal',
      date: null,
      decimal: ',',
      thousands: '.',
    },
    {
      name: 'a declared table in old markup',
      source: table(CONVERTER),
      kind: 'html',
      contentType: 'text/html; charset=utf-8',
      bytes: Buffer.from(SYNTHETIC_CONVERTER_PAGE),
      day: null,
      rate: 'rate',
      nominal: null,
      date: null,
      decimal: '.',
      thousands: ',',
    },
  ];
}

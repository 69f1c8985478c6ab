/** Every web source keeps what all promise, against a server of this machine with its documents. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { epochMs, type EpochMs } from '#core/time.ts';
import { createManualClock } from '#platform/clock.ts';
import {
  testWebSourceContract,
  type WebSourceSubject,
} from '../../../tests/contracts/web-source.ts';
import { syntheticRatesPage } from '../../../tests/support/rate-pages.ts';
import { capturedBytes, dailyOfRecent } from '../../../tests/support/web-documents.ts';
import { startWebServer, type Answer } from '../../../tests/support/web-server.ts';
import { createCbrSource } from './cbr/source.ts';
import { createCnbSource } from './cnb/source.ts';
import { DAY_MS } from './day-format.ts';
import { createEcbSource } from './ecb/source.ts';
import { parseDeclaration } from './html-table/declaration.ts';
import { createTableSource } from './html-table/source.ts';
import { createNbgSource } from './nbg/source.ts';
import type { WebSource } from './source.ts';
import { createWebVenue } from './web-venue.ts';

type Expected = Pick<WebSourceSubject, 'symbol' | 'rate' | 'day' | 'others' | 'listed'>;

async function open(
  expected: Expected,
  answer: (path: string) => Answer | undefined,
  source: (root: string, host: string) => WebSource,
): Promise<WebSourceSubject> {
  const clock = createManualClock(epochMs(expected.day + 1.5 * DAY_MS));
  const server = await startWebServer(answer, clock);
  const adapter = createWebVenue(source(server.url, server.host), {
    clock,
    allowLoopback: true,
    sleep: async (ms) => clock.set(epochMs(clock.now() + ms)),
  });
  return {
    ...expected,
    adapter,
    server,
    clock,
    close: async () => {
      adapter.close();
      await server.close();
    },
  };
}

const day = (year: number, month: number, date: number): EpochMs =>
  epochMs(Date.UTC(year, month - 1, date));
const answer = (type: string, body: Buffer | Uint8Array | string): Answer => ({
  headers: { 'content-type': type },
  body,
});

const ECB: ReadonlyMap<string, Answer> = new Map([
  ['eurofxref-daily.xml', answer('text/xml', dailyOfRecent())],
  ['eurofxref-hist-90d.xml', answer('text/xml', capturedBytes('ecb-eurofxref-hist-90d.xml'))],
  [
    'eurofxref-hist.zip',
    answer(
      'application/zip',
      zipSync({ 'eurofxref-hist.csv': capturedBytes('ecb-eurofxref-hist.11-lines.csv') }),
    ),
  ],
]);
testWebSourceContract('ecb', () =>
  open(
    {
      symbol: 'EUR/USD',
      rate: '1.0982',
      day: day(2019, 11, 29),
      others: ['EUR/JPY', 'EUR/GBP'],
      listed: 41,
    },
    (path) => ECB.get(path.replace('/stats/eurofxref/', '')),
    createEcbSource,
  ),
);
testWebSourceContract('cbr', () =>
  open(
    {
      symbol: 'AMD/RUB',
      rate: '0.131783',
      day: day(2016, 12, 9),
      others: ['USD/RUB', 'EUR/RUB'],
      listed: 33,
    },
    (path) =>
      path.startsWith('/scripts/XML_daily.asp?date_req=')
        ? answer(
            'application/xml; charset=windows-1251',
            capturedBytes('cbr-daily.windows-1251.xml'),
          )
        : undefined,
    createCbrSource,
  ),
);
testWebSourceContract('cnb', () =>
  open(
    {
      symbol: 'JPY/CZK',
      rate: '0.21487',
      day: day(2016, 4, 5),
      others: ['USD/CZK', 'EUR/CZK'],
      listed: 32,
    },
    (path) =>
      path.includes('/denni_kurz.txt?date=')
        ? answer('text/plain; charset=utf-8', capturedBytes('cnb-today.txt'))
        : undefined,
    createCnbSource,
  ),
);
testWebSourceContract('nbg', () =>
  open(
    {
      symbol: 'AED/GEL',
      rate: '0.73994',
      day: day(2022, 8, 6),
      others: ['USD/GEL', 'EUR/GEL'],
      listed: 43,
    },
    (path) =>
      path.startsWith('/gw/api/ct/monetarypolicy/currencies/en/json/?date=')
        ? answer('application/json', capturedBytes('nbg-today.json'))
        : undefined,
    createNbgSource,
  ),
);

/** The bundled example as it is, but for where it is asked. */
function exampleAt(root: string, host: string): WebSource {
  const file = join(import.meta.dirname, '../../../sources/example-rates.json');
  const example = parseDeclaration(readFileSync(file, 'utf8'), file);
  const url = example.url.replace('https://rates.example', root);
  return createTableSource({ ...example, url, allowedHosts: [host], allowHttp: true });
}
testWebSourceContract('a declared table', () =>
  open(
    {
      symbol: 'IDR/EUR',
      rate: '1.2345',
      day: day(2016, 4, 5),
      others: ['USD/EUR', 'JPY/EUR'],
      listed: 3,
    },
    (path) =>
      path.startsWith('/table?date=')
        ? answer('text/html; charset=utf-8', syntheticRatesPage('5 April 2016'))
        : undefined,
    exampleAt,
  ),
);

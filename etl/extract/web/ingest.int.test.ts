/** Rates from captured documents to rows in a real Postgres, by the same run as any venue's candles. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { epochMs } from '#core/time.ts';
import { createManualClock } from '#platform/clock.ts';
import { zipSync } from 'fflate';
import { usePostgres } from '../../../tests/support/postgres.ts';
import { capturedBytes } from '../../../tests/support/web-documents.ts';
import { startWebServer, type WebServer } from '../../../tests/support/web-server.ts';
import { ingest, type IngestReport } from '../../ingest.ts';
import { createEcbSource } from './ecb/source.ts';
import { createWebVenue, type WebVenue } from './web-venue.ts';

const database = usePostgres();
const NOW = epochMs(Date.UTC(2019, 11, 1, 12));
const clock = createManualClock(NOW);
let recent = capturedBytes('ecb-eurofxref-hist-90d.xml');
let server: WebServer;
let venue: WebVenue;

beforeAll(async () => {
  const csv = capturedBytes('ecb-eurofxref-hist.11-lines.csv');
  const zip = zipSync({ 'eurofxref-hist.csv': csv });
  server = await startWebServer((path) => {
    if (path.endsWith('.zip')) return { headers: { 'content-type': 'application/zip' }, body: zip };
    if (!path.endsWith('-90d.xml')) return undefined;
    return { headers: { 'content-type': 'text/xml' }, body: recent };
  }, clock);
  venue = createWebVenue(createEcbSource(server.url), {
    clock,
    allowLoopback: true,
    sleep: async (ms) => clock.set(epochMs(clock.now() + ms)),
  });
});
afterAll(async () => {
  venue.close();
  await server.close();
});
afterEach(async () => {
  await database.pool.query(
    'truncate market.candles, market.raw_payloads, market.quarantine, market.ingest_runs',
  );
});

function run(symbol: string): Promise<IngestReport> {
  const series = { exchange: 'ecb', marketType: 'fx', symbol, interval: '1d' } as const;
  const from = epochMs(Date.UTC(2019, 8, 15));
  return ingest({
    job: 'test',
    adapter: venue,
    pool: database.pool,
    series,
    from,
    to: clock.now(),
  });
}

async function rows(sql: string): Promise<Record<string, unknown>[]> {
  return (await database.pool.query<Record<string, unknown>>(sql)).rows;
}

test('rates are stored with their source named, and once', async () => {
  const first = await run('EUR/USD');
  expect(first.counts).toMatchObject({ fetched: 55, inserted: 55, quarantined: 0, raw: 1 });
  expect(first.watermark).toBe(Date.UTC(2019, 10, 30));
  const again = await run('EUR/USD');
  expect(again.counts).toMatchObject({ fetched: 55, inserted: 0, unchanged: 55 });
  expect(
    await rows(
      `select exchange, market_type, source, close::text, volume, is_closed from market.candles
       where open_time = timestamptz '2019-11-29T00:00:00Z'`,
    ),
  ).toEqual([
    {
      exchange: 'ecb',
      market_type: 'fx',
      source: 'web',
      close: '1.098200000000000000',
      volume: null,
      is_closed: true,
    },
  ]);
  expect(await rows('select url from market.raw_payloads')).toEqual([
    { url: `${server.url}/stats/eurofxref/eurofxref-hist-90d.xml` },
  ]);
});

test('a rate that is none is parked with its words, and the others are stored', async () => {
  const text = recent
    .toString('utf8')
    .replace('currency="USD" rate="1.1005"', 'currency="USD" rate="1,1005"');
  recent = Buffer.from(text);
  clock.set(epochMs(clock.now() + 3_600_000));
  const { counts } = await run('EUR/USD');
  expect(counts).toMatchObject({ inserted: 54, quarantined: 1 });
  expect(await rows('select reason, raw_row from market.quarantine')).toEqual([
    {
      reason: 'not_a_number',
      raw_row: JSON.stringify({ date: '2019-11-28', currency: 'USD', rate: '1,1005' }),
    },
  ]);
});

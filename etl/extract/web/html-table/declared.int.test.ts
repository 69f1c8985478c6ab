/**
 * The way of a user: a file in a folder, a page of one's own on this machine, rates in a real Postgres, and
 * a ledger that knows the declared calendar. The page is SYNTHETIC: a row a day, none of them on a weekend,
 * and none on Tuesday 2026-11-17.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Series } from '#core/candle.ts';
import { epochMs, type EpochMs } from '#core/time.ts';
import { createManualClock } from '#platform/clock.ts';
import { usePostgres } from '../../../../tests/support/postgres.ts';
import { recordLogger } from '../../../../tests/support/recorded-logger.ts';
import { startWebServer, type WebServer } from '../../../../tests/support/web-server.ts';
import { surveyGaps, type GapReport } from '../../../gaps/survey.ts';
import { ingest } from '../../../ingest.ts';
import { createWebVenue, type WebVenue } from '../web-venue.ts';
import { loadDeclarations } from './load-declarations.ts';
import { createTableSource } from './source.ts';

const database = usePostgres();
const HOUR = 3_600_000;
const NOW = epochMs(Date.UTC(2026, 10, 20, 12));
const FROM = epochMs(Date.UTC(2026, 10, 12));
const TO = epochMs(Date.UTC(2026, 10, 19));
const SERIES: Series = {
  exchange: 'town-bank',
  marketType: 'fx',
  symbol: 'USD/EUR',
  interval: '1d',
};
const FOLDER = mkdtempSync(join(tmpdir(), 'wick-declared-'));
const ROWS = [
  ['12.11.2026', '0,8601'],
  ['13.11.2026', '0,8602'],
  ['16.11.2026', '0,8603'],
  ['18.11.2026', 'n/a'],
]
  .map(([day = '', rate = '']) => `<tr><td>${day}</td><td>USD</td><td>${rate}</td></tr>`)
  .join('\n');

let server: WebServer;
let clock: ReturnType<typeof createManualClock>;

beforeAll(async () => {
  clock = createManualClock(NOW);
  const page = `<!doctype html><table id="rates">${ROWS}</table>`;
  server = await startWebServer(
    (path) =>
      path === '/rates' ? { headers: { 'content-type': 'text/html' }, body: page } : undefined,
    clock,
  );
});
beforeEach(async () => {
  clock.set(NOW);
  await database.pool.query(
    `truncate market.candles, market.raw_payloads, market.quarantine, market.ingest_runs,
       market.gaps cascade`,
  );
});
afterAll(async () => {
  rmSync(FOLDER, { recursive: true });
  await server.close();
});

/** A file of a user's folder, opened as a venue. */
function open(calendar: 'weekdays' | 'every-day'): WebVenue {
  const declaration = {
    id: 'town-bank',
    description: 'made up',
    marketType: 'fx',
    interval: '1d',
    calendar,
    url: `${server.url}/rates`,
    allowedHosts: [server.host],
    allowHttp: true,
    minimumIntervalMs: 1_000,
    rows: '#rates tr',
    symbol: { cell: 1 },
    rate: { cell: 2 },
    date: { from: 'row', cell: { cell: 0 }, format: 'DD.MM.YYYY' },
    numbers: { decimal: ',', thousands: '' },
    quote: 'EUR',
    symbols: { USD: 'USD' },
  };
  writeFileSync(join(FOLDER, 'town-bank.json'), JSON.stringify(declaration));
  const [loaded] = loadDeclarations(FOLDER, []);
  if (loaded === undefined) throw new Error('the folder holds no declaration');
  const sleep = async (ms: number): Promise<void> => clock.set(epochMs(clock.now() + ms));
  return createWebVenue(createTableSource(loaded), { clock, allowLoopback: true, sleep });
}

async function survey(adapter: WebVenue): Promise<GapReport> {
  clock.set(epochMs(clock.now() + HOUR));
  const { pool } = database;
  const { logger } = recordLogger();
  return surveyGaps({
    pool,
    adapter,
    series: SERIES,
    from: FROM,
    to: TO,
    clock,
    logger,
    restMs: 0,
  });
}

async function opens(sql: string): Promise<string[]> {
  const found = await database.pool.query<{ time: EpochMs }>(sql);
  return found.rows.map(({ time }) => new Date(time).toISOString().slice(0, 10));
}

test('a declared page becomes candles and rejects, and weekends are no gaps', async () => {
  const adapter = open('weekdays');
  const { pool } = database;
  const report = await ingest({ job: 'test', adapter, pool, series: SERIES, from: FROM, to: TO });
  expect(report.counts).toMatchObject({ inserted: 3, quarantined: 1 });
  expect(await opens('select open_time as time from market.candles order by 1')).toEqual([
    '2026-11-12',
    '2026-11-13',
    '2026-11-16',
  ]);
  expect(await survey(adapter)).toMatchObject({ found: 2, stillMissing: 2 });
  expect(await survey(adapter)).toMatchObject({ found: 0, venueEmpty: 1, stillMissing: 1 });
  const ledger = await pool.query('select cause, detail from market.gaps order by gap_from');
  expect(ledger.rows).toEqual([
    { cause: 'venue_empty', detail: 'answered 2 times without them' },
    { cause: 'missing', detail: 'the venue’s row is in quarantine: not_a_number' },
  ]);
  adapter.close();
});

test('a page that says it has every day is asked for weekends, too', async () => {
  const adapter = open('every-day');
  await survey(adapter);
  expect(
    await opens("select gap_from as time from market.gaps where cause = 'missing' order by 1"),
  ).toEqual(['2026-11-14', '2026-11-17', '2026-11-18']);
  adapter.close();
});

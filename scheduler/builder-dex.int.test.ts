/**
 * A symbol of a builder's dex of Hyperliquid on its way: catalogue, backfill, survey, on a recorded venue
 * and a real Postgres. The dex and its candles are SYNTHETIC: nobody has built it.
 */
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Series } from '#core/candle.ts';
import { epochMs } from '#core/time.ts';
import { systemClock } from '#platform/clock.ts';
import { createHyperliquid } from '../etl/extract/hyperliquid/rest.ts';
import { surveyGaps, syncCatalogue, type VenueAdapter } from '../etl/index.ts';
import { createRecordedVenue, type RecordedVenue } from '../local/venues/recorded-venue.ts';
import { usePostgres } from '../tests/support/postgres.ts';
import { recordLogger } from '../tests/support/recorded-logger.ts';
import { recordingsOf, type RecordingsFolder } from '../tests/support/recordings-of.ts';
import { prepareBackfill, runBackfill } from './backfill.ts';

const database = usePostgres();
const HOUR = 3_600_000;
const START = Date.UTC(2023, 4, 21, 20);
const HOURS = 20;
/** The venue has nothing of these hours. */
const isAbsent = (hour: number): boolean => hour >= 5 && hour < 8;
const WAVE: Series = {
  exchange: 'hyperliquid',
  marketType: 'perp',
  symbol: 'synth:WAVE/USDC',
  interval: '1h',
};

let folder: RecordingsFolder;
let venue: RecordedVenue;
let adapter: VenueAdapter;

beforeAll(async () => {
  const rows = Array.from({ length: HOURS }, (_, hour) => hour)
    .filter((hour) => !isAbsent(hour))
    .map((hour) => `${START + hour * HOUR},1,2,1,1.5,${hour}`);
  const header = 'timestamp_ms,open,high,low,close,volume';
  folder = await recordingsOf('hyperliquid', {
    'synth:WAVE-1h.csv': [header, ...rows].join('\n'),
  });
  const { directory } = folder;
  venue = await createRecordedVenue({ mode: 'once', directory, logger: pino({ level: 'silent' }) });
  adapter = createHyperliquid({
    baseUrl: venue.urls.hyperliquid.baseUrl,
    streamUrl: venue.urls.hyperliquid.streamUrl,
    clock: systemClock,
  });
});
afterAll(async () => {
  adapter.close();
  await venue.close();
  await folder.close();
});

async function listed(): Promise<unknown[]> {
  const { rows } = await database.pool.query<{ symbol: string; status: string }>(
    'select symbol, status from market.symbols order by symbol',
  );
  return rows.map(({ symbol, status }) => [symbol, status]);
}

test('is in the catalogue once it is wanted, and stays there when nobody names it', async () => {
  const { pool } = database;
  await syncCatalogue({ adapter, pool });
  expect(await listed()).toEqual([['kPEPE/USDC', 'trading']]);
  const both = [
    ['kPEPE/USDC', 'trading'],
    ['synth:WAVE/USDC', 'trading'],
  ];
  await syncCatalogue({ adapter, pool, wanted: [WAVE.symbol] });
  expect(await listed()).toEqual(both);
  expect(await syncCatalogue({ adapter, pool })).toMatchObject({ rows: 0, delisted: [] });
  expect(await listed()).toEqual(both);
});

test('is backfilled in any spelling, and looked through for gaps', async () => {
  const { pool } = database;
  const prepared = await prepareBackfill({
    series: [{ ...WAVE, symbol: 'synth:wave' }],
    from: epochMs(START),
    to: epochMs(START + HOURS * HOUR),
    openVenue: () => adapter,
    pool,
  });
  const report = await runBackfill({ prepared, pool, signal: AbortSignal.timeout(60_000) });
  expect(report).toMatchObject({ inserted: HOURS - 3, failures: [] });
  const survey = {
    pool,
    adapter,
    series: WAVE,
    from: epochMs(START),
    to: epochMs(START + HOURS * HOUR),
    clock: systemClock,
    logger: recordLogger().logger,
    restMs: 0,
  };
  expect(await surveyGaps(survey)).toMatchObject({ found: 3, stillMissing: 3 });
  expect(await surveyGaps(survey)).toMatchObject({ found: 0, venueEmpty: 3 });
});

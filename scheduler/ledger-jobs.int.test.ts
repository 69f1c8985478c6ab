/** Jobs of kind gaps and funding, on a recorded venue and a real Postgres. */
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { decimal } from '#core/decimal.ts';
import { epochMs } from '#core/time.ts';
import { systemClock } from '#platform/clock.ts';
import { loadConfig } from '#platform/config.ts';
import { ingest, type VenueAdapter } from '../etl/index.ts';
import { createRecordedVenue, type RecordedVenue } from '../local/venues/recorded-venue.ts';
import { startEngines } from '../tests/support/engines.ts';
import { usePostgres } from '../tests/support/postgres.ts';
import { recordLogger } from '../tests/support/recorded-logger.ts';
import { SMALL_RECORDINGS } from '../tests/support/wick-process.ts';
import { fundingKind } from './funding-job.ts';
import { gapsKind } from './gaps-job.ts';
import type { Job, JobOutcome, JobServices } from './job.ts';
import { createVenues, type Venues } from './venues.ts';
import { Watermarks } from './watermarks.ts';

const database = usePostgres();
const BTC = {
  exchange: 'binance-futures',
  marketType: 'perp',
  symbol: 'BTC/USDT',
  interval: '1m',
} as const;
const START = 1_748_928_720_000;
const MINUTE = 60_000;
let venue: RecordedVenue;
let venues: Venues;
let services: JobServices;

beforeAll(async () => {
  const { set } = await startEngines(['postgres']);
  const logger = pino({ level: 'silent' });
  venue = await createRecordedVenue({ mode: 'once', directory: SMALL_RECORDINGS, logger });
  const config = loadConfig({
    env: { ...set.env, BINANCE_FUTURES_URL: venue.urls['binance-futures'].baseUrl },
  });
  venues = createVenues({ config, clock: systemClock });
  const redis = {
    get: () => Promise.resolve(null),
    set: () => Promise.resolve(null),
    del: () => Promise.resolve(0),
  };
  const { logger: recorded } = recordLogger();
  const watermarks = new Watermarks(database.pool, redis, recorded);
  services = {
    config,
    pool: database.pool,
    venues,
    watermarks,
    clock: systemClock,
    logger: recorded,
  };
});

afterAll(async () => {
  venues.close();
  await venue.close();
});

beforeEach(async () => {
  await database.pool.query(
    `truncate market.candles, market.raw_payloads, market.quarantine, market.ingest_runs,
       market.gaps, market.funding_rates`,
  );
});

function job(kind: string, changes: Partial<Job> = {}): Job {
  return {
    name: kind,
    kind,
    timing: null,
    atStart: false,
    after: [],
    retries: 0,
    retryMs: 100,
    timeoutMs: 60_000,
    series: [BTC],
    stored: false,
    select: null,
    exchanges: [],
    usedVenues: false,
    historyDays: null,
    ...changes,
  };
}

const gaps = (changes: Partial<Job> = {}): Promise<JobOutcome> =>
  gapsKind.prepare(job('gaps', changes), services)(AbortSignal.timeout(60_000));

test('a gaps job repairs what is missing behind the first stored candle', async () => {
  const adapter = venues.open(BTC.exchange);
  for (const [from, to] of [
    [0, 100],
    [340, 600],
  ] as const) {
    await ingest({
      job: 'collect',
      adapter,
      pool: database.pool,
      series: BTC,
      from: epochMs(START + from * MINUTE),
      to: epochMs(START + to * MINUTE),
    });
  }
  expect(await gaps()).toEqual({
    wrote: 240,
    failures: [],
    report: {
      series: 1,
      found: 240,
      repaired: 240,
      venueEmpty: 0,
      unrepairable: 0,
      stillMissing: 0,
    },
  });
  expect(await gaps()).toMatchObject({ wrote: 0, report: { found: 0, repaired: 0 } });
});

test('a gaps job passes over a series that was never collected, and tells of one that fails', async () => {
  expect(await gaps()).toMatchObject({ wrote: 0, failures: [], report: { series: 0 } });
  const nobody = { ...BTC, symbol: 'NO/NO' };
  const outcome = await gaps({ series: [nobody, BTC], historyDays: 36_500 });
  expect(outcome.failures).toEqual([expect.stringMatching(/NO\/NO\|1m: .*no symbol "NO\/NO"/)]);
  // The last candles of a venue are on their way, not missing.
  expect(outcome.report).toMatchObject({ series: 1, repaired: 598 });
});

test('a funding job reads each instrument once, then only what is new', async () => {
  const asked: number[] = [];
  const now = START;
  const fetchFunding: VenueAdapter['fetchFunding'] = async function* ({ symbol, from, to }) {
    asked.push(from);
    const times = Array.from({ length: 6 }, (_, index) => now - (6 - index) * 8 * 3_600_000);
    const rates = times
      .filter((time) => time >= from && time < to)
      .map((time) => ({
        exchange: BTC.exchange,
        symbol,
        fundingTime: epochMs(time),
        rate: decimal('0.0001'),
        markPrice: null,
        premium: null,
        observedAt: epochMs(now),
        source: 'rest',
      }));
    const raw = { url: 'https://venue.test', fetchedAt: epochMs(now), body: JSON.stringify(rates) };
    yield await Promise.resolve({ rates, rejects: [], raw });
  };
  const open = (exchange: string): VenueAdapter => ({ ...venues.open(exchange), fetchFunding });
  const run = fundingKind.prepare(job('funding', { series: [BTC, { ...BTC, interval: '1h' }] }), {
    ...services,
    venues: { ...venues, open },
  });
  const signal = AbortSignal.timeout(60_000);
  expect(await run(signal)).toMatchObject({
    wrote: 6,
    failures: [],
    report: { instruments: 1, fetched: 6, inserted: 6 },
  });
  expect(await run(signal)).toMatchObject({ wrote: 0, report: { fetched: 4, inserted: 0 } });
  expect(asked).toHaveLength(2);
});

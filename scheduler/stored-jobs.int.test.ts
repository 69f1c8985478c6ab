/**
 * Jobs over all series that Postgres holds: what is found, what is passed over, how far a gap is one.
 * On a real Postgres, with venues of the test's own making; nothing of it was ever traded.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Series } from '#core/candle.ts';
import { AppError } from '#core/errors.ts';
import { epochMs, type EpochMs } from '#core/time.ts';
import { loadConfig, type Config } from '#platform/config.ts';
import { ingest, type VenueAdapter } from '../etl/index.ts';
import { TEST_OPEN_TIME, TEST_SERIES, testCandles } from '../tests/support/candles.ts';
import { startEngines } from '../tests/support/engines.ts';
import { storeCandles } from '../tests/support/market.ts';
import { usePostgres } from '../tests/support/postgres.ts';
import { recordLogger } from '../tests/support/recorded-logger.ts';
import { scriptedVenue, type ScriptedVenue } from '../tests/support/scripted-venue.ts';
import { backfillKind } from './backfill-job.ts';
import { fundingKind } from './funding-job.ts';
import { gapsKind } from './gaps-job.ts';
import type { Job, JobKind, JobOutcome, JobServices } from './job.ts';
import { syncKind } from './sync-job.ts';
import { createVenues, type Venues } from './venues.ts';
import { Watermarks } from './watermarks.ts';

const database = usePostgres();
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const CANDLES = testCandles(4 * 24 * 60);
const at = (minutes: number): EpochMs => epochMs(TEST_OPEN_TIME + minutes * MINUTE);
const END = at(CANDLES.length);
const NOTHING = {
  series: 1,
  found: 0,
  repaired: 0,
  venueEmpty: 0,
  unrepairable: 0,
  stillMissing: 0,
};

let venues: Venues;
let config: Config;
let scripted: ScriptedVenue;
/** Parts of adapters that a test puts in the place of the real ones, by venue. */
let changes: Record<string, Partial<VenueAdapter>>;
let now: EpochMs;
let warned: ReturnType<typeof recordLogger>;

beforeAll(async () => {
  const { set } = await startEngines(['postgres']);
  config = loadConfig({ env: { ...set.env, COLLECT_SERIES: 'binance-futures|perp|BTC/USDT|1m' } });
});
afterAll(() => venues.close());

beforeEach(async () => {
  await database.pool.query(
    `truncate market.candles, market.raw_payloads, market.quarantine, market.ingest_runs,
       market.gaps, market.backfill_chunks, market.funding_rates, market.exchanges, market.symbols,
       market.supported_intervals cascade`,
  );
  now = epochMs(END + 10 * DAY);
  venues = createVenues({ config, clock: { now: () => now } });
  scripted = scriptedVenue(TEST_SERIES, CANDLES, now);
  changes = { 'binance-futures': scripted };
  warned = recordLogger();
});

function services(): JobServices {
  const open = (exchange: string): VenueAdapter => ({
    ...venues.open(exchange),
    ...changes[exchange],
  });
  const redis = { get: () => Promise.resolve(null), set: () => Promise.resolve(null) };
  return {
    config,
    pool: database.pool,
    venues: { ...venues, open },
    watermarks: new Watermarks(database.pool, redis, warned.logger),
    clock: { now: () => now },
    logger: warned.logger,
  };
}

function job(kind: string, declared: Partial<Job> = {}): Job {
  return {
    name: kind,
    kind,
    timing: null,
    atStart: false,
    after: [],
    retries: 0,
    retryMs: 100,
    timeoutMs: 60_000,
    series: [],
    stored: true,
    select: null,
    exchanges: [],
    usedVenues: false,
    historyDays: null,
    ...declared,
  };
}

function run(kind: JobKind, name: string, declared: Partial<Job> = {}): Promise<JobOutcome> {
  now = epochMs(now + HOUR);
  return kind.prepare(job(name, declared), services())(AbortSignal.timeout(60_000));
}

const gaps = (declared: Partial<Job> = {}): Promise<JobOutcome> => run(gapsKind, 'gaps', declared);

async function load(series: Series, from: EpochMs, to: EpochMs, name = 'run'): Promise<void> {
  const { pool } = database;
  await ingest({ job: `${name}:x`, adapter: scripted, pool, series, from, to, venueNow: now });
}

async function store(...series: Partial<Series>[]): Promise<void> {
  for (const each of series) await storeCandles(database.pool, testCandles(3, each));
}

async function ledger(): Promise<unknown[]> {
  const { rows } = await database.pool.query<Record<string, unknown>>(
    'select gap_from, gap_to, cause, attempts from market.gaps order by gap_from',
  );
  return rows.map((row) => [row['gap_from'], row['gap_to'], row['cause'], row['attempts']]);
}

describe('a gaps job over what is stored', () => {
  test('looks through what was loaded by hand, as far as it was asked for and no further', async () => {
    scripted.hides = ({ openTime }) => openTime >= at(100) && openTime < at(160);
    await load(TEST_SERIES, at(0), at(600));
    scripted.hides = () => false;
    expect(await gaps()).toMatchObject({ failures: [], report: { series: 1, repaired: 60 } });
    expect(scripted.asked.slice(1).map(({ from, to }) => [from, to])).toEqual([[at(100), at(160)]]);
    expect(await gaps()).toMatchObject({ report: NOTHING });
  });

  test('passes over venues that nobody knows, and says so, and surveys the others', async () => {
    await store({}, { exchange: 'mtgox' }, { exchange: 'mtgox', interval: '1h' });
    await store({ exchange: 'ecb', marketType: 'spot' });
    const { failures, report } = await gaps();
    expect([failures, report['series']]).toEqual([[], 1]);
    expect(report['passedOver']).toEqual([
      '1 series of "ecb" spot 1m, which it does not have',
      expect.stringMatching(/^2 series of "mtgox", which is neither a venue nor a web source here/),
    ]);
    const msg = expect.stringMatching(/^passed over: 2 series of "mtgox"/);
    expect(warned.lines).toContainEqual({ level: 'warn', job: 'gaps', msg });
  });

  test('tells apart a venue that nobody knows from web sources that cannot be read', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'wick-sources-'));
    await writeFile(join(folder, 'broken.json'), '{');
    await store({}, { exchange: 'bank', marketType: 'fx', interval: '1d' });
    venues.close();
    venues = createVenues({
      config: { ...config, WEB_SOURCES_DIR: folder },
      clock: { now: () => now },
    });
    const { failures, report } = await gaps();
    await rm(folder, { recursive: true });
    expect([failures, report['series']]).toEqual([[], 1]);
    expect(report['passedOver']).toEqual([
      expect.stringMatching(
        /^1 series of "bank", which is no venue, and whether it is a web source cannot be read: .*broken/,
      ),
    ]);
  });

  test('passes over an instrument that was gone before any catalogue knew it', async () => {
    await store({ symbol: 'GONE/USDT' });
    scripted.findInstrument = () =>
      Promise.reject(new AppError('WICK_ETL_UNSUPPORTED', 'it has no GONE/USDT'));
    const { failures, report } = await gaps();
    expect([failures, report['passedOver']]).toEqual([
      [],
      ['binance-futures|perp|GONE/USDT|1m: it has no GONE/USDT'],
    ]);
  });

  test('asks nothing of a series that is whole up to its delisting', async () => {
    await load(TEST_SERIES, at(0), epochMs(END + DAY), 'collect');
    await database.pool.query(
      `insert into market.exchanges (exchange, name) values ('binance-futures', 'x')`,
    );
    await database.pool.query(
      `insert into market.symbols
         (exchange, market_type, symbol, venue_symbol, base, quote, status, delisted_at)
       values ('binance-futures', 'perp', 'BTC/USDT', 'BTCUSDT', 'BTC', 'USDT', 'delisted', $1)`,
      [new Date(END).toISOString()],
    );
    scripted.asked.length = 0;
    for (const declared of [{}, { series: [TEST_SERIES] }]) {
      expect(await gaps(declared)).toMatchObject({ failures: [], report: NOTHING });
    }
    expect([scripted.asked, await ledger()]).toEqual([[], []]);
  });

  test('leaves the other series of a venue that is down for the next attempt', async () => {
    await store(
      {},
      { symbol: 'ETH/USDT' },
      { exchange: 'coinbase', marketType: 'spot', symbol: 'BTC/USD' },
    );
    let asked = 0;
    changes['binance-futures'] = {
      ...scripted,
      fetchServerTime: () => {
        asked += 1;
        return Promise.reject(new AppError('WICK_ETL_VENUE_HTTP', 'HTTP 503', { retryable: true }));
      },
    };
    changes['coinbase'] = {
      ...scriptedVenue({ ...TEST_SERIES, symbol: 'BTC/USD' }, [], now),
      id: 'coinbase',
      marketType: 'spot',
    };
    const { failures, report } = await gaps();
    expect(failures).toEqual([
      'binance-futures: HTTP 503; its other series wait for the next attempt',
    ]);
    expect([asked, report['series']]).toEqual([1, 1]);
  });

  test('that was cut off goes on with the series that was at hand', async () => {
    await store({}, { symbol: 'ETH/USDT' }, { symbol: 'SOL/USDT' });
    const seen: string[] = [];
    let stop = new AbortController();
    changes['binance-futures'] = {
      ...scripted,
      findInstrument: (text) => {
        seen.push(text);
        if (seen.length === 2) stop.abort(new Error('too late'));
        stop.signal.throwIfAborted();
        return scripted.findInstrument(text);
      },
    };
    const work = gapsKind.prepare(job('gaps'), services());
    await expect(work(stop.signal)).rejects.toThrow('too late');
    stop = new AbortController();
    await work(stop.signal);
    expect(seen).toEqual(['BTC/USDT', 'ETH/USDT', 'ETH/USDT', 'SOL/USDT', 'BTC/USDT']);
  });
});

describe('what was asked for and never came', () => {
  const firstTold = at(2 * 24 * 60);

  /** The venue answers from the third day on. */
  beforeEach(() => {
    scripted.hides = ({ openTime }) => openTime < firstTold;
    scripted.listedAt = null;
  });

  test('by a backfill is missing, then empty after two answers, and never asked for again', async () => {
    const backfill = { stored: false, series: [TEST_SERIES], historyDays: 14 };
    now = epochMs(TEST_OPEN_TIME + 14 * DAY);
    expect(await run(backfillKind, 'backfill', backfill)).toMatchObject({ failures: [] });
    expect((await database.pool.query('select from market.candles')).rowCount).toBe(2 * 24 * 60);
    scripted.asked.length = 0;
    await gaps();
    const front = (cause: string, attempts: number): unknown[] => [
      at(0),
      firstTold,
      cause,
      attempts,
    ];
    expect((await ledger())[0]).toEqual(front('missing', 1));
    await gaps();
    expect((await ledger())[0]).toEqual(front('venue_empty', 2));
    const asked = scripted.asked.length;
    expect(await gaps()).toMatchObject({ report: NOTHING });
    expect(scripted.asked).toHaveLength(asked);
  });

  test('after the last stored candle is missing too, up to what was asked for', async () => {
    scripted.hides = () => false;
    await load(TEST_SERIES, at(0), epochMs(END + HOUR));
    await gaps();
    expect(await ledger()).toEqual([[END, epochMs(END + HOUR), 'missing', 1]]);
  });

  test('is no gap before the listing, nor before what is kept', async () => {
    await load(TEST_SERIES, at(0), END, 'backfill');
    scripted.listedAt = at(24 * 60);
    await gaps();
    expect(await ledger()).toEqual([[at(24 * 60), firstTold, 'missing', 1]]);
    await database.pool.query('truncate market.gaps');
    // Both bounds lie an hour and half a minute before the first candle that came.
    now = epochMs(firstTold - HOUR - MINUTE / 2 + 20 * DAY - HOUR);
    await gaps({ historyDays: 20 });
    const kept = [[epochMs(firstTold - HOUR), firstTold, 'missing', 1]];
    expect(await ledger()).toEqual(kept);
    await database.pool.query('truncate market.gaps');
    now = epochMs(now - HOUR);
    const before = config;
    config = { ...config, CANDLE_RETENTION_DAYS: 20 };
    await gaps();
    config = before;
    expect(await ledger()).toEqual(kept);
  });
});

test('a funding job reads a delisted perpetual up to its end, and then leaves it alone', async () => {
  await store({}, { exchange: 'coinbase', marketType: 'spot', symbol: 'BTC/USD' });
  await database.pool.query(
    `insert into market.exchanges (exchange, name) values ('binance-futures', 'x')`,
  );
  await database.pool.query(
    `insert into market.symbols
       (exchange, market_type, symbol, venue_symbol, base, quote, status, delisted_at)
     values ('binance-futures', 'perp', 'BTC/USDT', 'BTCUSDT', 'BTC', 'USDT', 'delisted', $1)`,
    [new Date(END).toISOString()],
  );
  const asked: number[] = [];
  changes['binance-futures'] = {
    ...scripted,
    fetchFunding: async function* ({ to }) {
      asked.push(to);
      const raw = { url: 'https://venue.test', fetchedAt: now, body: '[]' };
      yield await Promise.resolve({ rates: [], rejects: [], raw });
    },
  };
  const work = fundingKind.prepare(job('funding'), services());
  const signal = AbortSignal.timeout(60_000);
  expect(await work(signal)).toMatchObject({ failures: [], report: { instruments: 1 } });
  expect(await work(signal)).toMatchObject({ failures: [], report: { instruments: 0 } });
  expect(asked).toEqual([END + DAY]);
});

test('a sync job with USED asks the venues that are collected or stored; one in trouble fails its part', async () => {
  await store({ exchange: 'coinbase', marketType: 'spot', symbol: 'BTC/USD' });
  await store({ exchange: 'mtgox' });
  config = { ...config, STREAM_SERIES: 'hyperliquid|perp|synth:WAVE/USDC|1m' };
  const wanted: unknown[] = [];
  const listing = (id: string): Partial<VenueAdapter> => ({
    fetchServerTime: () => Promise.resolve(now),
    fetchInstruments: (_signal, symbols) => {
      wanted.push([id, symbols]);
      return Promise.resolve([]);
    },
  });
  changes = {
    'binance-futures': {
      fetchServerTime: () => Promise.reject(new AppError('WICK_ETL_VENUE_DOWN', 'down')),
    },
    coinbase: listing('coinbase'),
    hyperliquid: listing('hyperliquid'),
  };
  const { failures, report } = await run(syncKind, 'sync', { stored: false, usedVenues: true });
  expect(failures).toEqual(['binance-futures: down']);
  expect(wanted).toEqual([
    ['hyperliquid', ['synth:WAVE/USDC']],
    ['coinbase', ['BTC/USD']],
  ]);
  expect(report['passedOver']).toEqual([expect.stringContaining('"mtgox"')]);
});

/**
 * The adapter against a venue that has bad days. Time is stepped: a sleep moves the one clock that
 * adapter and venue share, so waits are exact and cost nothing.
 */
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { epochMs, type EpochMs } from '#core/time.ts';
import { createManualClock } from '#platform/clock.ts';
import type { Fault } from '../../../local/venues/faults.ts';
import {
  createRecordedVenue,
  type RecordedVenue,
  type RecordedVenueOptions,
} from '../../../local/venues/recorded-venue.ts';
import { syntheticFunding } from '../../../tests/support/synthetic-funding.ts';
import type { CandlePage, CandleRequest, FundingPage, VenueAdapter } from '../venue.ts';
import type { VenueOptions } from '../venue-options.ts';
import { createBinanceFutures } from './rest.ts';

const directory = join(import.meta.dirname, '../../../tests/support/recordings-small');
const MINUTE = 60_000;
const END = epochMs(1_748_964_720_000);
/** Half a minute into a clock minute. */
const WALL_START = epochMs(29_700_000 * MINUTE + 30_000);
const TEN_MINUTES: CandleRequest = {
  symbol: 'BTC/USDT',
  interval: '1m',
  from: epochMs(END - 10 * MINUTE),
  to: END,
  venueNow: END,
};

let venue: RecordedVenue;
let adapter: VenueAdapter;
let slept: number[] = [];
let wall = createManualClock(WALL_START);

async function open(
  venueOptions: Partial<RecordedVenueOptions> = {},
  options: Partial<VenueOptions> = {},
): Promise<void> {
  wall = createManualClock(WALL_START);
  slept = [];
  venue = await createRecordedVenue({
    directory,
    mode: 'once',
    wallClock: wall,
    logger: pino({ level: 'silent' }),
    ...venueOptions,
  });
  adapter = createBinanceFutures({
    baseUrl: venue.urls['binance-futures'].baseUrl,
    streamUrl: 'ws://127.0.0.1:9/market',
    clock: wall,
    random: () => 0,
    sleep: async (ms) => {
      slept.push(ms);
      wall.set(epochMs(wall.now() + ms));
    },
    ...options,
  });
  await adapter.fetchInstruments();
}

beforeEach(async () => open());
afterEach(async () => {
  adapter.close();
  await venue.close();
});

async function collect(request: Partial<CandleRequest> = {}): Promise<CandlePage[]> {
  const pages: CandlePage[] = [];
  for await (const page of adapter.fetchCandles({ ...TEN_MINUTES, ...request })) pages.push(page);
  return pages;
}

const times = (count: number, fault: Fault): Fault[] => Array.from({ length: count }, () => fault);

const countOf = (pages: readonly CandlePage[]): number =>
  pages.reduce((sum, page) => sum + page.candles.length, 0);

describe('pages', () => {
  test('follow one another by 499 and report the weight that the venue counted', async () => {
    const pages = await collect({ from: epochMs(END - 600 * MINUTE) });
    expect(pages.map((page) => page.candles.length)).toEqual([499, 101]);
    expect(pages.map((page) => page.weightUsed)).toEqual([3, 5]);
    expect(pages[0]?.raw.url).toBe(
      `${venue.urls['binance-futures'].baseUrl}/fapi/v1/klines?symbol=BTCUSDT&interval=1m&startTime=${END - 600 * MINUTE}` +
        `&endTime=${END - 1}&limit=499`,
    );
  });

  test('leave no candle out and none doubled where the range ends with a full page', async () => {
    const pages = await collect({ from: epochMs(END - 499 * MINUTE) });
    expect(pages.map((page) => page.candles.length)).toEqual([499]);
  });

  test('of a few candles weigh one', async () => {
    const pages = await collect({ from: epochMs(END - 97 * MINUTE), venueNow: END });
    expect(pages.map((page) => [page.candles.length, page.weightUsed])).toEqual([[97, 2]]);
  });

  test('step over a hole', async () => {
    const hour = 60 * MINUTE;
    const request = { interval: '1h', from: epochMs(END - 400 * 24 * hour) } as const;
    expect(countOf(await collect(request))).toBe(600);
  });

  test('end with the candle that is open at the venue, and ask for nothing behind it', async () => {
    const venueNow = epochMs(END - 3 * MINUTE);
    const pages = await collect({ venueNow, to: epochMs(END + MINUTE) });
    const candles = pages.flatMap((page) => page.candles.map(({ candle }) => candle));
    expect(candles.map(({ isClosed }) => isClosed)).toEqual([...Array(7).fill(true), false]);
  });

  test('are none where the range lies after the now of the venue', async () => {
    expect(
      await collect({ from: END, to: epochMs(END + MINUTE), venueNow: epochMs(END - 1) }),
    ).toEqual([]);
  });

  test('tell closed from open by the clock of the venue, which is asked when not given', async () => {
    const pages = await collect({ venueNow: undefined });
    expect(pages[0]?.venueNow).toBe(END);
    expect(wall.now()).not.toBe(END);
  });
});

describe('optional fields that the recording does not hold', () => {
  test('are null, never 0', async () => {
    const [page] = await collect();
    expect(page?.candles[0]?.candle).toMatchObject({
      quoteVolume: null,
      trades: null,
      takerBuyBase: null,
      takerBuyQuote: null,
    });
  });
});

describe('funding', () => {
  const HOUR = 60 * MINUTE;
  const COUNT = 2_300;
  const START = epochMs(END - COUNT * HOUR);

  test('comes in pages of 1000, none left out and none doubled', async () => {
    adapter.close();
    await venue.close();
    const folder = await mkdtemp(join(tmpdir(), 'wick-synthetic-funding-'));
    await copyFile(join(directory, 'BTCUSDT-1h.csv.gz'), join(folder, 'BTCUSDT-1h.csv.gz'));
    const funding = syntheticFunding(START, COUNT, 4);
    await writeFile(join(folder, 'BTCUSDT-funding.csv'), funding);
    await open({ directory: folder, clock: createManualClock(END) });
    const pages: FundingPage[] = [];
    const request = { symbol: 'BTC/USDT', from: START, to: END };
    for await (const page of adapter.fetchFunding?.(request) ?? []) pages.push(page);
    await rm(folder, { recursive: true });
    expect(pages.map(({ rates }) => rates.length)).toEqual([1_000, 1_000, 300]);
    const times = pages.flatMap(({ rates }) => rates.map(({ fundingTime }) => fundingTime));
    expect(new Set(times).size).toBe(COUNT);
    expect(pages[0]?.rates[0]).toMatchObject({ markPrice: null, exchange: 'binance-futures' });
  });
});

test('a delivery contract is refused with the reason', async () => {
  await expect(collect({ symbol: 'BTCUSDT_260327' })).rejects.toMatchObject({
    code: 'WICK_ETL_UNSUPPORTED',
    message: expect.stringMatching(/"BTCUSDT_260327": it is a delivery contract.*BTC\/USDT/),
  });
});

/** Faults, then health: what was fetched in the end and how long it was waited. */
async function checkRecovers(faults: readonly Fault[], waits: readonly number[]): Promise<void> {
  venue.faults['binance-futures'].plan(...faults);
  expect(countOf(await collect())).toBe(10);
  expect(venue.faults['binance-futures'].pending()).toBe(0);
  expect(slept).toEqual(waits);
}

describe('after trouble that passes, the same candles arrive:', () => {
  test('429 with Retry-After is waited out', async () => {
    await checkRecovers([{ kind: 'refuse', status: 429, retryAfterSeconds: 7 }], [7_250]);
  });

  test('429 without Retry-After is given half a minute', async () => {
    await checkRecovers([{ kind: 'refuse', status: 429 }], [30_250]);
  });

  test('5xx is asked again with growing pauses', async () => {
    const fault = { kind: 'refuse', status: 503, body: 'upstream down' } as const;
    await checkRecovers([fault, fault, fault], [250, 500, 1_000]);
  });

  test('truncated JSON is asked again', async () => {
    await checkRecovers([{ kind: 'truncate' }], [250]);
  });

  test('a web page with status 200 is asked again', async () => {
    await checkRecovers([{ kind: 'html' }], [250]);
  });

  test('a cut connection is asked again', async () => {
    await checkRecovers([{ kind: 'cut' }], [250]);
  });

  test('silence is given up after the timeout and asked again', async () => {
    adapter.close();
    await venue.close();
    await open({}, { timeoutMs: 150 });
    await checkRecovers([{ kind: 'hang' }], [250]);
  });
});

describe('trouble that does not pass is a typed error:', () => {
  async function checkFails(
    faults: readonly Fault[],
    expected: { code: string; retryable: boolean; message: RegExp },
  ): Promise<void> {
    venue.faults['binance-futures'].plan(...faults);
    await expect(collect()).rejects.toMatchObject({
      ...expected,
      message: expect.stringMatching(expected.message),
    });
    expect(venue.faults['binance-futures'].pending()).toBe(0);
  }

  test('five refusals in a row', async () => {
    await checkFails(times(5, { kind: 'refuse', status: 502 }), {
      code: 'WICK_ETL_VENUE_HTTP',
      retryable: true,
      message: /refused GET http.* with status 502/,
    });
  });

  test('five web pages in a row, with how they begin', async () => {
    await checkFails(times(5, { kind: 'html' }), {
      code: 'WICK_ETL_VENUE_PAYLOAD',
      retryable: true,
      message: /not JSON .* "<html><body>Down for maintenance/,
    });
  });

  test('an error of the request is not asked again', async () => {
    const body = '{"code":-1130,"msg":"Data sent for parameter \'limit\' is not valid."}';
    await checkFails([{ kind: 'refuse', status: 400, body }], {
      code: 'WICK_ETL_VENUE_HTTP',
      retryable: false,
      message: /status 400: -1130 Data sent for parameter 'limit' is not valid\./,
    });
    expect(slept).toEqual([]);
  });

  test('a symbol that the venue no longer knows', async () => {
    const body = '{"code":-1121,"msg":"Invalid symbol."}';
    await checkFails([{ kind: 'refuse', status: 400, body }], {
      code: 'WICK_ETL_UNSUPPORTED',
      retryable: false,
      message: /-1121 Invalid symbol\./,
    });
  });

  test('a blocked location', async () => {
    await checkFails([{ kind: 'refuse', status: 451 }], {
      code: 'WICK_ETL_VENUE_HTTP',
      retryable: false,
      message: /does not serve this location/,
    });
  });

  test('JSON of another shape', async () => {
    await checkFails([{ kind: 'refuse', status: 200, body: '{"rows":[]}' }], {
      code: 'WICK_ETL_VENUE_PAYLOAD',
      retryable: false,
      message: /shape that is not documented: \{"rows":\[\]\}/,
    });
  });

  test('text that is not UTF-8 is not taken for the answer', async () => {
    adapter.close();
    await venue.close();
    await open({}, { attemptsMax: 1 });
    const body = Buffer.from('["\xff"]', 'latin1');
    await checkFails([{ kind: 'refuse', status: 200, body }], {
      code: 'WICK_ETL_VENUE_PAYLOAD',
      retryable: true,
      message: /not JSON/,
    });
  });

  test('a longer pause than we sleep through', async () => {
    await checkFails([{ kind: 'refuse', status: 429, retryAfterSeconds: 3_600 }], {
      code: 'WICK_ETL_VENUE_RATE_LIMITED',
      retryable: true,
      message: /status 429/,
    });
    await expect(collect()).rejects.toMatchObject({ code: 'WICK_ETL_VENUE_RATE_LIMITED' });
    expect(slept).toEqual([]);
  });

  test('an unreachable venue', async () => {
    await venue.close();
    await expect(collect()).rejects.toMatchObject({
      code: 'WICK_ETL_VENUE_HTTP',
      retryable: true,
      message: expect.stringMatching(/did not answer GET .*ECONNREFUSED/),
    });
    expect(slept).toHaveLength(4);
  });
});

describe('a ban', () => {
  test('is never pressed: nothing is sent until it is over', async () => {
    venue.faults['binance-futures'].plan(
      {
        kind: 'refuse',
        status: 418,
        retryAfterSeconds: 120,
        body: '{"code":-1003,"msg":"banned"}',
      },
      { kind: 'html' },
    );
    await expect(collect()).rejects.toMatchObject({
      code: 'WICK_ETL_VENUE_RATE_LIMITED',
      details: { retryAfterMs: 120_000 },
    });
    wall.set(epochMs(WALL_START + 119_999));
    await expect(collect()).rejects.toMatchObject({
      code: 'WICK_ETL_VENUE_RATE_LIMITED',
      message: expect.stringMatching(/banned this address until/),
    });
    expect([venue.faults['binance-futures'].pending(), slept]).toEqual([1, []]);
    wall.set(epochMs(WALL_START + 120_000));
    venue.faults['binance-futures'].clear();
    expect(countOf(await collect())).toBe(10);
  });
});

describe('the allowance', () => {
  test('is learnt from the venue and never used up: a long fetch is slowed, not refused', async () => {
    adapter.close();
    await venue.close();
    await open({ weightLimit: 20, refusalsMax: 0 }, { pageSize: 10 });
    const pages = await collect({ from: epochMs(END - 400 * MINUTE) });
    expect(countOf(pages)).toBe(400);
    expect(Math.max(...pages.map((page) => page.weightUsed ?? 0))).toBe(18);
    // 41 requests by 18 a minute: into the third minute.
    expect(slept).toEqual([30_500, 60_000]);
  });

  test('is shared by fetches that run side by side', async () => {
    adapter.close();
    await venue.close();
    await open({ weightLimit: 20, refusalsMax: 0 }, { pageSize: 10 });
    const span = (n: number): { from: EpochMs; to: EpochMs } => ({
      from: epochMs(END - (n + 1) * 100 * MINUTE),
      to: epochMs(END - n * 100 * MINUTE),
    });
    const all = await Promise.all([0, 1, 2, 3].map((n) => collect(span(n))));
    expect(all.map((pages) => countOf(pages))).toEqual([100, 100, 100, 100]);
  });
});

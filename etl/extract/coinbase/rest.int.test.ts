/**
 * The adapter against a venue that has bad days. Time is stepped: a sleep moves the one clock that
 * adapter and venue share, so waits are exact and cost nothing.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { epochMs } from '#core/time.ts';
import { createManualClock } from '#platform/clock.ts';
import type { Fault } from '../../../local/venues/faults.ts';
import { createRecordedVenue, type RecordedVenue } from '../../../local/venues/recorded-venue.ts';
import { recordingsOf, type RecordingsFolder } from '../../../tests/support/recordings-of.ts';
import { candlesOf, collectPages } from '../../../tests/support/venue-pages.ts';
import type { CandleRequest, VenueAdapter } from '../venue.ts';
import { createCoinbase } from './rest.ts';

const MINUTE = 60_000;
const START = epochMs(1_522_800_000_000);
const END = epochMs(START + 600 * MINUTE);
const WALL_START = epochMs(1_790_000_000_000);
const TEN_MINUTES: CandleRequest = {
  symbol: 'BTC-USD',
  interval: '1m',
  from: epochMs(END - 10 * MINUTE),
  to: END,
  venueNow: END,
};
const Cassette = Type.Array(Type.Object({ response: Type.Object({ body: Type.String() }) }));
const [maintenance] = Value.Parse(
  Cassette,
  JSON.parse(
    readFileSync(join(import.meta.dirname, 'fixtures/error-maintenance.vcr.json'), 'utf8'),
  ),
);

let folder: RecordingsFolder;
let venue: RecordedVenue;
let adapter: VenueAdapter;
let slept: number[] = [];

beforeAll(async () => {
  folder = await recordingsOf('coinbase');
});
afterAll(async () => folder.close());

beforeEach(async () => {
  const wallClock = createManualClock(WALL_START);
  slept = [];
  venue = await createRecordedVenue({
    directory: folder.directory,
    clock: createManualClock(END),
    wallClock,
    logger: pino({ level: 'silent' }),
  });
  adapter = createCoinbase({
    ...venue.urls.coinbase,
    clock: wallClock,
    random: () => 0,
    sleep: async (ms) => {
      slept.push(ms);
      wallClock.set(epochMs(wallClock.now() + ms));
    },
  });
  await adapter.fetchInstruments();
});
afterEach(async () => {
  adapter.close();
  await venue.close();
});

describe('pages', () => {
  test('are windows of 299 candles, both ends named, which the venue does not refuse', async () => {
    const pages = await collectPages(adapter, { ...TEN_MINUTES, from: START });
    expect(pages.map((page) => page.candles.length)).toEqual([299, 299, 2]);
    const { searchParams } = new URL(pages[0]?.raw.url ?? '');
    expect(Object.fromEntries(searchParams)).toEqual({
      granularity: '60',
      start: '2018-04-04T00:00:00.000Z',
      end: '2018-04-04T04:58:00.000Z',
    });
  });

  test('begin at the first open time inside the range', async () => {
    const from = epochMs(END - 9.5 * MINUTE);
    const candles = candlesOf(await collectPages(adapter, { ...TEN_MINUTES, from }));
    expect(candles[0]?.openTime).toBe(END - 9 * MINUTE);
  });

  test('hold no row for a minute in which nothing was traded, and none is made up', async () => {
    const hole = epochMs(1_522_860_360_000);
    const request = { from: epochMs(hole - MINUTE), to: epochMs(hole + 2 * MINUTE) };
    const venueNow = epochMs(hole + 10 * MINUTE);
    adapter.close();
    await venue.close();
    const clock = createManualClock(venueNow);
    venue = await createRecordedVenue({
      directory: folder.directory,
      clock,
      logger: pino({ level: 'silent' }),
    });
    adapter = createCoinbase({ ...venue.urls.coinbase, clock: createManualClock(WALL_START) });
    const candles = candlesOf(
      await collectPages(adapter, { ...TEN_MINUTES, ...request, venueNow }),
    );
    expect(candles.map(({ openTime }) => openTime)).toEqual([hole - MINUTE, hole + MINUTE]);
  });
});

describe('after trouble that passes, the same candles arrive:', () => {
  test.each<[string, Fault[], number[]]>([
    [
      '429, which says no time',
      [{ kind: 'refuse', status: 429, body: '{"message":"Public rate limit exceeded"}' }],
      [30_250],
    ],
    [
      'maintenance',
      [{ kind: 'refuse', status: 503, body: maintenance?.response.body ?? '' }],
      [250],
    ],
    ['truncated JSON', [{ kind: 'truncate' }], [250]],
    ['a web page with status 200', [{ kind: 'html' }], [250]],
  ])('%s', async (_name, faults, waits) => {
    venue.faults.coinbase.plan(...faults);
    expect(candlesOf(await collectPages(adapter, TEN_MINUTES))).toHaveLength(10);
    expect(venue.faults.coinbase.pending()).toBe(0);
    expect(slept).toEqual(waits);
  });
});

describe('trouble that does not pass is a typed error, not asked again:', () => {
  test.each<[string, Fault, string, RegExp]>([
    [
      'a product that the venue no longer knows',
      { kind: 'refuse', status: 404, body: '{"message":"NotFound"}' },
      'WICK_ETL_UNSUPPORTED',
      /status 404: NotFound/,
    ],
    [
      'a width that it does not have',
      { kind: 'refuse', status: 400, body: '{"message":"Unsupported granularity"}' },
      'WICK_ETL_UNSUPPORTED',
      /Unsupported granularity/,
    ],
    [
      'a range that is too long for it',
      {
        kind: 'refuse',
        status: 400,
        body: '{"message":"granularity too small for the requested time range."}',
      },
      'WICK_ETL_VENUE_HTTP',
      /too small/,
    ],
    [
      'an answer of another shape',
      { kind: 'refuse', status: 200, body: '{"message":"hello"}' },
      'WICK_ETL_VENUE_PAYLOAD',
      /not documented: \{"message":"hello"\}/,
    ],
  ])('%s', async (_name, fault, code, message) => {
    venue.faults.coinbase.plan(fault);
    await expect(collectPages(adapter, TEN_MINUTES)).rejects.toMatchObject({
      code,
      retryable: false,
      message: expect.stringMatching(message),
    });
    expect(slept).toEqual([]);
  });
});

test('a future is refused with the reason', async () => {
  const request = { ...TEN_MINUTES, symbol: 'BIT-28JUL23-CDE' };
  await expect(collectPages(adapter, request)).rejects.toMatchObject({
    code: 'WICK_ETL_UNSUPPORTED',
    message: expect.stringMatching(/a future, which ends on a date.*BTC\/USD/),
  });
});

test('the allowance is kept: a second holds nine requests, and none is refused', async () => {
  for (let times = 0; times < 30; times += 1) await collectPages(adapter, TEN_MINUTES);
  expect(slept).toEqual([1_500, 1_000, 1_000]);
});

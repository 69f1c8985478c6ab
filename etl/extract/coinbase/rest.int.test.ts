/** The adapter against a venue that has bad days; `bad-days.ts` steps the time. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { describe, expect, test } from 'vitest';
import { epochMs } from '#core/time.ts';
import { testTrouble, useBadDays } from '../../../tests/support/bad-days.ts';
import { candlesOf, collectPages } from '../../../tests/support/venue-pages.ts';
import type { CandleRequest } from '../venue.ts';
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

const days = useBadDays({
  exchange: 'coinbase',
  now: END,
  wallStart: WALL_START,
  create: createCoinbase,
});

describe('pages', () => {
  test('are windows of 299 candles, both ends named, which the venue does not refuse', async () => {
    const pages = await collectPages(days.adapter, { ...TEN_MINUTES, from: START });
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
    const candles = candlesOf(await collectPages(days.adapter, { ...TEN_MINUTES, from }));
    expect(candles[0]?.openTime).toBe(END - 9 * MINUTE);
  });

  test('hold no row for a minute in which nothing was traded, and none is made up', async () => {
    const hole = epochMs(1_522_860_360_000);
    const request = { from: epochMs(hole - MINUTE), to: epochMs(hole + 2 * MINUTE) };
    const venueNow = epochMs(hole + 10 * MINUTE);
    await days.moveTo(venueNow);
    const candles = candlesOf(
      await collectPages(days.adapter, { ...TEN_MINUTES, ...request, venueNow }),
    );
    expect(candles.map(({ openTime }) => openTime)).toEqual([hole - MINUTE, hole + MINUTE]);
  });
});

testTrouble('coinbase', days, {
  request: TEN_MINUTES,
  candles: 10,
  passing: [
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
  ],
  lasting: [
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
  ],
});

test('a future is refused with the reason', async () => {
  const request = { ...TEN_MINUTES, symbol: 'BIT-28JUL23-CDE' };
  await expect(collectPages(days.adapter, request)).rejects.toMatchObject({
    code: 'WICK_ETL_UNSUPPORTED',
    message: expect.stringMatching(/a future, which ends on a date.*BTC\/USD/),
  });
});

test('the allowance is kept: a second holds nine requests, and none is refused', async () => {
  for (let times = 0; times < 30; times += 1) await collectPages(days.adapter, TEN_MINUTES);
  expect(days.slept).toEqual([1_500, 1_000, 1_000]);
});

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
import { createHyperliquid } from './rest.ts';

const HOUR = 3_600_000;
const START = epochMs(1_684_699_200_000);
const END = epochMs(START + 24 * HOUR);
/** Ten seconds into a clock minute. */
const WALL_START = epochMs(29_833_333 * 60_000 + 10_000);
const DAY: CandleRequest = {
  symbol: 'kpepe',
  interval: '1h',
  from: START,
  to: END,
  venueNow: END,
};

/** What the venue answers where it cannot read a request. */
const { info_unknown_type: UNREADABLE } = Value.Parse(
  Type.Object({
    info_unknown_type: Type.Object({ status: Type.Integer(), body: Type.String() }),
  }),
  JSON.parse(readFileSync(join(import.meta.dirname, 'fixtures/errors.json'), 'utf8')),
);

/** SYNTHETIC: two candles of a builder's dex that nobody has built. */
const SYNTHETIC_DEX = {
  'synth:WAVE-1h.csv': [
    'timestamp_ms,open,high,low,close,volume',
    `${START},1,2,1,1.5,10`,
    `${START + HOUR},1.5,2,1.5,1.6,20`,
  ].join('\n'),
};

const days = useBadDays({
  exchange: 'hyperliquid',
  recordings: SYNTHETIC_DEX,
  now: END,
  wallStart: WALL_START,
  create: createHyperliquid,
});

const asked = async (request: Partial<CandleRequest> = {}): Promise<unknown[]> => {
  const pages = await collectPages(days.adapter, { ...DAY, ...request });
  return pages.map(
    ({ raw }) => JSON.parse(decodeURIComponent(new URL(raw.url).hash.slice(1))) as unknown,
  );
};

describe('pages', () => {
  test('name their answer by what was posted, always with both ends', async () => {
    expect(await asked()).toEqual([
      {
        type: 'candleSnapshot',
        req: { coin: 'kPEPE', interval: '1h', startTime: START, endTime: END - 1 },
      },
    ]);
  });

  test('reach no further back than the venue does, and hold one answer in any case', async () => {
    const years = { from: epochMs(START - 40_000 * HOUR) };
    expect(await asked(years)).toMatchObject([{ req: { startTime: END - 5_001 * HOUR } }, {}]);
    const gone = { ...years, to: epochMs(START - 39_000 * HOUR) };
    expect(await asked(gone)).toHaveLength(1);
    expect(candlesOf(await collectPages(days.adapter, { ...DAY, ...gone }))).toEqual([]);
  });

  test('begin within a candle without taking the one that covers the beginning', async () => {
    const from = epochMs(START + HOUR / 2);
    const candles = candlesOf(await collectPages(days.adapter, { ...DAY, from }));
    expect(candles[0]?.openTime).toBe(START + HOUR);
    expect(candles).toHaveLength(23);
  });

  test('ask the venue for its own clock where none is given', async () => {
    const [page] = await collectPages(days.adapter, { ...DAY, venueNow: undefined });
    expect(page?.venueNow).toBe(END);
  });
});

test('the coins of a dex are asked for by its name', async () => {
  await expect(collectPages(days.adapter, { ...DAY, symbol: 'xyz:TSLA' })).rejects.toMatchObject({
    code: 'WICK_ETL_UNSUPPORTED',
    message: expect.stringMatching(/dex "xyz" has no symbol "xyz:TSLA"/),
  });
});

describe('a symbol of a builder’s dex', () => {
  test('is found in the list of that dex, in any case of its coin', async () => {
    for (const text of ['synth:WAVE/USDC', 'synth:wave', 'synth:WAVE']) {
      expect(await days.adapter.findInstrument(text)).toMatchObject({
        symbol: 'synth:WAVE/USDC',
        venueSymbol: 'synth:WAVE',
      });
    }
    const pages = await collectPages(days.adapter, { ...DAY, symbol: 'synth:WAVE/USDC' });
    expect(candlesOf(pages).map(({ close }) => close)).toEqual(['1.5', '1.6']);
  });

  test('that the dex does not have is refused with what it has', async () => {
    await expect(days.adapter.findInstrument('synth:CALM/USDC')).rejects.toMatchObject({
      code: 'WICK_ETL_UNSUPPORTED',
      message: 'hyperliquid dex "synth" has no symbol "synth:CALM/USDC"; it has synth:WAVE/USDC',
    });
    await expect(days.adapter.findInstrument('nobody:CALM')).rejects.toMatchObject({
      message: 'hyperliquid dex "nobody" has no symbol "nobody:CALM"; it has none',
    });
  });

  test('is among the instruments where its dex is asked for by name', async () => {
    const symbols = async (wanted?: readonly string[]): Promise<string[]> =>
      (await days.adapter.fetchInstruments(undefined, wanted)).map(({ symbol }) => symbol);
    expect(await symbols()).toEqual(['kPEPE/USDC']);
    expect(await symbols(['kPEPE/USDC', 'synth:WAVE/USDC', 'synth:OTHER/USDC'])).toEqual([
      'kPEPE/USDC',
      'synth:WAVE/USDC',
    ]);
  });
});

test('a spot pair is refused with the reason', async () => {
  await expect(collectPages(days.adapter, { ...DAY, symbol: '@107' })).rejects.toMatchObject({
    code: 'WICK_ETL_UNSUPPORTED',
    message: expect.stringMatching(/spot pair by its number.*kPEPE\/USDC/),
  });
});

testTrouble('hyperliquid', days, {
  request: DAY,
  candles: 24,
  passing: [
    ['429 with Retry-After', [{ kind: 'refuse', status: 429, retryAfterSeconds: 7 }], [7_250]],
    ['429 without', [{ kind: 'refuse', status: 429, body: 'null' }], [30_250]],
    ['5xx', [{ kind: 'refuse', status: 502, body: 'Bad Gateway' }], [250]],
    ['truncated JSON', [{ kind: 'truncate' }], [250]],
    ['a web page with status 200', [{ kind: 'html' }], [250]],
    ['a cut connection', [{ kind: 'cut' }], [250]],
  ],
  lasting: [
    [
      'a request that the venue cannot read',
      { kind: 'refuse', status: UNREADABLE.status, body: UNREADABLE.body },
      'WICK_ETL_UNSUPPORTED',
      /status 422: Failed to deserialize/,
    ],
    [
      'a coin that the venue no longer knows',
      { kind: 'refuse', status: 500, body: 'null' },
      'WICK_ETL_UNSUPPORTED',
      /knows no such coin/,
    ],
    [
      'null for an answer',
      { kind: 'refuse', status: 200, body: 'null' },
      'WICK_ETL_UNSUPPORTED',
      /no longer knows the coin "kPEPE"/,
    ],
    [
      'an answer of another shape',
      { kind: 'refuse', status: 200, body: '{"status":"err"}' },
      'WICK_ETL_VENUE_PAYLOAD',
      /not documented: \{"status":"err"\}/,
    ],
  ],
});

test('repeated and disordered rows are put in order, and each repetition is a reject', async () => {
  days.plan({ kind: 'duplicate' });
  const [page] = await collectPages(days.adapter, DAY);
  expect(page?.candles).toHaveLength(24);
  expect(page?.rejects.map(({ reason }) => reason)).toEqual(Array(24).fill('duplicate'));
  days.plan({ kind: 'reorder' });
  const times = candlesOf(await collectPages(days.adapter, DAY)).map(({ openTime }) => openTime);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
});

test('the allowance is kept by what answers weigh: a long fetch is slowed, never refused', async () => {
  for (let times = 0; times < 60; times += 1) await collectPages(days.adapter, DAY);
  // Each weighs 20 and one for the candles: 51 in the first minute after meta, then the rest.
  expect(days.slept).toEqual([50_500]);
});

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { describe, expect, test } from 'vitest';
import type { Candle, Series } from '#core/candle.ts';
import { parseInterval } from '#core/interval.ts';
import { epochMs, type EpochMs } from '#core/time.ts';
import { testFixturesAreListed } from '../../../tests/support/listed-fixtures.ts';
import type { CandleContext, MappedRows } from '../mapper.ts';
import type { RejectReason } from '../reject.ts';
import type { StreamContext, StreamSeries } from '../venue.ts';
import { HYPERLIQUID_MAPPER } from './mapper.ts';
import { createHyperliquidStream } from './stream.ts';

const FIXTURES = join(import.meta.dirname, 'fixtures');
const read = (name: string): string => readFileSync(join(FIXTURES, name), 'utf8');
const HOUR = 3_600_000;
const T = 1_790_344_800_000;
const SERIES: Series = {
  exchange: 'hyperliquid',
  marketType: 'perp',
  symbol: 'BTC/USDC',
  interval: '1h',
};
const CONTEXT: CandleContext = {
  series: SERIES,
  from: epochMs(T),
  to: epochMs(T + 5 * HOUR),
  // As it was captured: a minute into the last hour.
  venueNow: epochMs(T + 4 * HOUR + 60_000),
  observedAt: epochMs(T + 4 * HOUR + 60_500),
};

function map(json: unknown, context: Partial<CandleContext> = {}): MappedRows {
  const mapped = HYPERLIQUID_MAPPER.mapCandles(json, { ...CONTEXT, ...context });
  if (mapped === null) throw new Error('that is no answer');
  return mapped;
}

describe('the captured candles', () => {
  const { candles, rejects } = map(HYPERLIQUID_MAPPER.parse(read('candles-1h-open.json')));

  test('become candles with exact digits; what the venue does not say is null', () => {
    expect(rejects).toEqual([]);
    expect(candles[0]?.candle).toEqual({
      ...SERIES,
      openTime: T,
      open: '83912',
      high: '84039',
      low: '83133',
      close: '84010',
      volume: '3997.94344',
      quoteVolume: null,
      trades: 35_095,
      takerBuyBase: null,
      takerBuyQuote: null,
      isClosed: true,
      observedAt: CONTEXT.observedAt,
      source: 'rest',
    });
  });

  test('end with the one that was still forming, by the clock of the venue', () => {
    expect(candles.map(({ candle }) => candle.isClosed)).toEqual([true, true, true, true, false]);
  });
});

test('the candle that covers the start of the captured range is left out, not rejected', () => {
  const Cassette = Type.Object({ response: Type.Object({ body_text: Type.String() }) });
  const { response } = Value.Parse(Cassette, JSON.parse(read('candles-kpepe.vcr.json')));
  const from = epochMs(1_684_702_007_000);
  const to = epochMs(1_684_784_807_001);
  const series = { ...SERIES, symbol: 'kPEPE/USDC' };
  const mapped = map(JSON.parse(response.body_text), { series, from, to, venueNow: to });
  expect([mapped.candles.length, mapped.rejects]).toEqual([23, []]);
  expect(mapped.candles[0]).toMatchObject({ index: 1, candle: { openTime: 1_684_702_800_000 } });
});

describe('a row', () => {
  const good = {
    t: T,
    T: T + HOUR - 1,
    s: 'BTC',
    i: '1h',
    o: '2',
    c: '3',
    h: '4',
    l: '1.5',
    v: '10',
    n: 7,
  };
  test.each<[RejectReason, unknown]>([
    ['malformed_row', null],
    ['malformed_row', { ...good, o: 2 }],
    ['malformed_row', { ...good, n: 1e300 }],
    ['time_out_of_range', { ...good, t: 1 }],
    ['time_out_of_range', { ...good, t: Date.UTC(2099, 11, 31, 23) }],
    ['wrong_width', { ...good, T: T + HOUR }],
    ['not_asked_for', { ...good, s: 'ETH' }],
    ['not_asked_for', { ...good, i: '4h' }],
    ['not_asked_for', { ...good, t: T + 5 * HOUR, T: T + 6 * HOUR - 1 }],
    ['not_a_number', { ...good, v: 'NaN' }],
    ['too_many_digits', { ...good, c: '0.1234567890123456789' }],
  ])('is rejected as %s, word for word: %j', (reason, bad) => {
    const { candles, rejects } = map([bad]);
    expect(candles).toEqual([]);
    expect(rejects).toMatchObject([{ reason, index: 0, rawRow: JSON.stringify(bad) }]);
  });

  test('with null for volume and trades keeps them null', () => {
    expect(map([{ ...good, v: null, n: null }]).candles[0]?.candle).toMatchObject({
      volume: null,
      trades: null,
    });
  });
});

describe('instruments', () => {
  test('come from the captured meta; what is delisted stays, not trading', () => {
    const mapped = HYPERLIQUID_MAPPER.mapInstruments(JSON.parse(read('meta-first6.json')));
    expect(mapped?.leftOut).toEqual([]);
    expect(mapped?.instruments).toHaveLength(6);
    expect(mapped?.instruments[3]).toEqual({
      exchange: 'hyperliquid',
      marketType: 'perp',
      symbol: 'MATIC/USDC',
      base: 'MATIC',
      quote: 'USDC',
      venueSymbol: 'MATIC',
      aliases: [],
      isTrading: false,
      venueStatus: 'delisted',
      onboardTime: null,
      delistTime: null,
      tickSize: null,
      stepSize: '0.1',
    });
  });

  test('of a dex that settles in another token are left out, and it is said why', () => {
    const meta = { universe: [{ name: 'abc:GOLD', szDecimals: 2 }], collateralToken: 7 };
    expect(HYPERLIQUID_MAPPER.mapInstruments(meta)).toMatchObject({
      instruments: [],
      leftOut: [{ reason: 'unsupported', detail: expect.stringContaining('token 7') }],
    });
  });
});

test('funding keeps its exact rate and premium', () => {
  const mapped = HYPERLIQUID_MAPPER.mapFunding?.(JSON.parse(read('funding-documented.json')), {
    symbol: 'ETH/USDC',
    from: epochMs(1_683_849_600_000),
    to: epochMs(1_683_853_200_000),
    observedAt: epochMs(1_683_853_300_000),
  });
  expect(mapped).toEqual({
    rates: [
      {
        exchange: 'hyperliquid',
        symbol: 'ETH/USDC',
        fundingTime: 1_683_849_600_076,
        rate: '-0.00022196',
        markPrice: null,
        premium: '-0.00052196',
        observedAt: 1_683_853_300_000,
        source: 'rest',
      },
    ],
    rejects: [],
  });
});

describe('the stream', () => {
  const stream = createHyperliquidStream('wss://api.hyperliquid.xyz/ws');
  const seriesOf = (coin: string, interval: string): StreamSeries => {
    const found = HYPERLIQUID_MAPPER.mapInstruments({ universe: [{ name: coin }] })?.instruments[0];
    if (found === undefined) throw new Error(`no instrument of ${coin}`);
    return { instrument: found, interval: parseInterval(interval) };
  };
  const context = (...series: StreamSeries[]): StreamContext => ({
    series,
    receivedAt: 1_790_358_661_000 as EpochMs,
  });
  const candlesOf = (frame: string, seen: StreamContext): Candle[] =>
    stream.read(frame, seen).flatMap((said) => (said.kind === 'candle' ? [said.candle] : []));

  test('is asked for in the words of the capture, and told what was subscribed', () => {
    const [asked = '', answered = ''] = read('stream-hype.txt').split('\n');
    const frames = stream
      .subscribe([seriesOf('HYPE', '1d')])
      .map((frame) => JSON.parse(frame) as unknown);
    expect(frames).toEqual([JSON.parse(asked.slice(2))]);
    expect(stream.read(answered.slice(2), context())).toEqual([{ kind: 'subscribed' }]);
  });

  test('tells captured candles, none of them closed, with the digits of the venue', () => {
    const frames = read('stream-candles.jsonl').trim().split('\n');
    const told = frames.flatMap((frame) => candlesOf(frame, context(seriesOf('BTC', '1m'))));
    expect(told).toMatchObject([
      { symbol: 'BTC/USDC', openTime: 1_790_358_600_000, close: '83765', isClosed: false },
      { openTime: 1_790_358_660_000, close: '83801', volume: '1.2044', source: 'ws' },
    ]);
    const hype = read('stream-hype.txt').split('= ')[1] ?? '';
    expect(candlesOf(hype, context(seriesOf('HYPE', '1d')))).toMatchObject([
      { volume: '3495670.8399999999' },
    ]);
  });

  test('says nothing of a series that nobody asked for, nor for a pong or the greeting', () => {
    const [frame = ''] = read('stream-candles.jsonl').split('\n');
    expect(stream.read(frame, context(seriesOf('BTC', '5m')))).toEqual([]);
    expect(stream.read('{"channel":"pong"}', context())).toEqual([]);
    expect(stream.read('Websocket connection established.', context())).toEqual([]);
  });

  test('tells what is refused, and what is no candle', () => {
    const refusal = '{"channel":"error","data":"Error parsing JSON into valid websocket request"}';
    expect(stream.read(refusal, context())).toEqual([
      { kind: 'refused', reason: 'Error parsing JSON into valid websocket request' },
    ]);
    for (const frame of ['{', '[]', '{"channel":"candle","data":{}}', '{"channel":"l2Book"}']) {
      expect(stream.read(frame, context())).toMatchObject([{ kind: 'reject', frame }]);
    }
  });
});

testFixturesAreListed(FIXTURES);

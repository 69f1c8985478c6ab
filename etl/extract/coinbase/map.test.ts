import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { describe, expect, test } from 'vitest';
import type { Series } from '#core/candle.ts';
import { epochMs } from '#core/time.ts';
import { testFixturesAreListed } from '../../../tests/support/listed-fixtures.ts';
import type { CandleContext, MappedRows } from '../mapper.ts';
import type { RejectReason } from '../reject.ts';
import type { StreamContext, StreamMessage } from '../venue.ts';
import { COINBASE_MAPPER } from './mapper.ts';
import { createCoinbaseStream } from './stream.ts';

const FIXTURES = join(import.meta.dirname, 'fixtures');
const read = (name: string): string => readFileSync(join(FIXTURES, name), 'utf8');
const MINUTE = 60_000;
const T = 1_517_443_200_000;
const SERIES: Series = {
  exchange: 'coinbase',
  marketType: 'spot',
  symbol: 'BTC/USD',
  interval: '1m',
};
const CONTEXT: CandleContext = {
  series: SERIES,
  from: epochMs(T),
  to: epochMs(T + 10 * MINUTE),
  venueNow: epochMs(T + 10 * MINUTE - 1),
  observedAt: epochMs(T + 10 * MINUTE + 500),
};

function map(text: string, context: Partial<CandleContext> = {}): MappedRows {
  const json = COINBASE_MAPPER.parse(text);
  const mapped = COINBASE_MAPPER.mapCandles(json, { ...CONTEXT, ...context });
  if (mapped === null) throw new Error('that is no answer');
  return mapped;
}

describe('the captured candles', () => {
  const { candles, rejects } = map(read('candles-1m-noise.json'));

  test('come oldest first, low and high in their places, with every digit of the float noise', () => {
    expect(rejects).toEqual([]);
    expect(candles.map(({ candle }) => (candle.openTime - T) / MINUTE)).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
    ]);
    expect(candles[3]).toEqual({
      index: 6,
      row: ['1517443380', '10098.99', '10099.99', '10099', '10099.98', '16.057411940000005'],
      candle: {
        ...SERIES,
        openTime: T + 3 * MINUTE,
        open: '10099',
        high: '10099.99',
        low: '10098.99',
        close: '10099.98',
        volume: '16.057411940000005',
        quoteVolume: null,
        trades: null,
        takerBuyBase: null,
        takerBuyQuote: null,
        isClosed: true,
        observedAt: CONTEXT.observedAt,
        source: 'rest',
      },
    });
  });

  test('end with the one that was still forming, by the clock of the venue', () => {
    expect(candles.map(({ candle }) => candle.isClosed).indexOf(false)).toBe(9);
  });

  test('before the start are left out, as the venue documents; behind the end they are rejected', () => {
    const range = { from: epochMs(T + 2 * MINUTE), to: epochMs(T + 8 * MINUTE) };
    const mapped = map(read('candles-1m-noise.json'), range);
    expect(mapped.candles).toHaveLength(6);
    expect(mapped.rejects.map(({ reason }) => reason)).toEqual(['not_asked_for', 'not_asked_for']);
  });
});

describe('a row', () => {
  test('keeps zeros, exponents and long numbers as they are meant', () => {
    const [mapped] = map('[[1517443200,1.50,2e0,1.9,1.6,1.2E-7]]').candles;
    expect(mapped?.candle).toMatchObject({ low: '1.5', high: '2', volume: '0.00000012' });
  });

  test.each<[RejectReason, string]>([
    ['malformed_row', 'null'],
    ['malformed_row', '{}'],
    ['malformed_row', '[1517443200,1,2,1,1]'],
    ['malformed_row', '[1517443200,1,2,null,1,1]'],
    ['time_out_of_range', '[1517443200000,1,2,1,1,1]'],
    ['time_out_of_range', '[1517443200.5,1,2,1,1,1]'],
    ['time_out_of_range', '["",1,2,1,1,1]'],
    ['not_asked_for', '[1517443800,1,2,1,1,1]'],
    ['not_a_number', '[1517443200,1,2,1,1,"NaN"]'],
    ['too_many_digits', '[1517443200,1,2,1,1,0.1234567890123456789]'],
    ['too_many_digits', '[1517443200,1,1e400,1,1,1]'],
  ])('is rejected as %s: %s', (reason, bad) => {
    const { candles, rejects } = map(`[[1517443260,1,2,1,1,1],${bad}]`);
    expect(candles).toHaveLength(1);
    expect(rejects).toMatchObject([{ reason, index: 1 }]);
  });
});

test('candles of Advanced Trade are understood too', () => {
  // Hand-made after the documented example.
  const candle = { start: '1517443200', low: '1', high: '4', open: '2', close: '3', volume: '5.0' };
  const { candles, rejects } = map(JSON.stringify({ candles: [candle, { ...candle, start: 1 }] }));
  expect(candles[0]?.candle).toMatchObject({ openTime: T, open: '2', low: '1', volume: '5' });
  expect(rejects).toMatchObject([{ reason: 'time_out_of_range', index: 1 }]);
});

describe('instruments', () => {
  test('come from the captured products', () => {
    const Cassette = Type.Array(Type.Object({ response: Type.Object({ body: Type.String() }) }));
    const [recorded] = Value.Parse(Cassette, JSON.parse(read('products.vcr.json')));
    const mapped = COINBASE_MAPPER.mapInstruments(
      COINBASE_MAPPER.parse(recorded?.response.body ?? ''),
    );
    expect(mapped?.leftOut).toEqual([]);
    expect(mapped?.instruments).toHaveLength(12);
    expect(mapped?.instruments[0]).toEqual({
      exchange: 'coinbase',
      marketType: 'spot',
      symbol: 'BCH/BTC',
      base: 'BCH',
      quote: 'BTC',
      venueSymbol: 'BCH-BTC',
      aliases: [],
      isTrading: true,
      venueStatus: 'online',
      onboardTime: null,
      delistTime: null,
      tickSize: '0.00001',
      stepSize: null,
    });
  });

  test('trade only where the venue says so', () => {
    const product = { id: 'A-USD', base_currency: 'A', quote_currency: 'USD', status: 'online' };
    const list = [
      product,
      { ...product, id: 'B-USD', status: 'delisted' },
      { ...product, id: 'C-USD', trading_disabled: true },
      { id: 'D-USD' },
    ];
    const mapped = COINBASE_MAPPER.mapInstruments(list);
    expect(mapped?.instruments.map(({ isTrading }) => isTrading)).toEqual([true, false, false]);
    expect(mapped?.leftOut).toMatchObject([{ reason: 'malformed_row', index: 3 }]);
  });

  test('are one where the venue says that two ids are one book', () => {
    const product = {
      product_id: 'BTC-USD',
      base_currency_id: 'BTC',
      quote_currency_id: 'USD',
      product_type: 'SPOT',
      status: 'online',
      alias: '',
      alias_to: ['BTC-USDC'],
    };
    const alias = {
      ...product,
      product_id: 'BTC-USDC',
      quote_currency_id: 'USDC',
      alias: 'BTC-USD',
      alias_to: [],
    };
    const future = { ...product, product_id: 'BIT-28JUL23-CDE', product_type: 'FUTURE' };
    const mapped = COINBASE_MAPPER.mapInstruments({ products: [product, alias, future] });
    expect(mapped?.instruments).toMatchObject([
      { symbol: 'BTC/USD', aliases: ['BTC-USDC', 'BTC/USDC'] },
    ]);
    expect(mapped?.leftOut.map(({ reason }) => reason)).toEqual(['unsupported', 'unsupported']);
  });
});

describe('the stream', () => {
  const stream = createCoinbaseStream('wss://advanced-trade-ws.coinbase.com');
  const product = { id: 'ETH-USD', base_currency: 'ETH', quote_currency: 'USD', status: 'online' };
  const [instrument] = COINBASE_MAPPER.mapInstruments([product])?.instruments ?? [];
  if (instrument === undefined) throw new Error('the product is no instrument');
  const context: StreamContext = {
    series: [{ instrument, interval: '5m' }],
    receivedAt: epochMs(1_688_998_300_000),
  };
  const frames = read('stream-documented.jsonl').trim().split('\n');
  const said = (index: number): readonly StreamMessage[] =>
    stream.read(frames[index] ?? '', context);

  test('is asked for with heartbeats beside it', () => {
    expect(stream.subscribe(context.series).map((frame) => JSON.parse(frame) as unknown)).toEqual([
      { type: 'subscribe', product_ids: ['ETH-USD'], channel: 'candles' },
      { type: 'subscribe', channel: 'heartbeats' },
    ]);
  });

  test('numbers every frame, whatever the channel', () => {
    const numbers = [0, 1, 2, 3].map((index) => said(index)[0]);
    expect(numbers).toEqual([0, 1, 2, 3].map((number) => ({ kind: 'sequence', number })));
    expect(said(0)[1]).toEqual({ kind: 'subscribed' });
    expect(said(2)).toHaveLength(1);
  });

  test('tells a snapshot oldest first and updates as they come, none of them closed', () => {
    const told = [...said(1), ...said(3)].filter(({ kind }) => kind === 'candle');
    expect(told).toMatchObject([
      { candle: { openTime: 1_688_997_900_000, volume: '12.5', isClosed: false } },
      { candle: { openTime: 1_688_998_200_000, low: '1865.63', high: '1867.72' } },
      { venueTime: 1_686_341_976_396, candle: { close: '1866.02', source: 'ws' } },
    ]);
  });

  test('tells what is refused, and what is no candle', () => {
    expect(said(4)).toEqual([{ kind: 'refused', reason: 'channel is not supported' }]);
    const broken = '{"channel":"candles","events":[{"candles":[{"product_id":"ETH-USD"}]},{}]}';
    expect(stream.read(broken, context)).toMatchObject([{ kind: 'reject' }, { kind: 'reject' }]);
    expect(stream.read('[', context)).toMatchObject([{ kind: 'reject', series: null }]);
  });
});

testFixturesAreListed(FIXTURES);

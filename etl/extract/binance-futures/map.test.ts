import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { epochMs } from '#core/time.ts';
import type { RejectReason } from '../reject.ts';
import { testFixturesAreListed } from '../../../tests/support/listed-fixtures.ts';
import { SERVER_TIME } from '../binance/wire.ts';
import type { CandleContext, MappedFunding, MappedInstruments, MappedRows } from '../mapper.ts';
import { BINANCE_FUTURES_MAPPER } from './mapper.ts';

const FIXTURES = join(import.meta.dirname, 'fixtures');
const read = (name: string): string => readFileSync(join(FIXTURES, name), 'utf8');

const T = 1_791_382_920_000;
const MINUTE = 60_000;
const SERIES = {
  exchange: 'binance-futures',
  marketType: 'perp',
  symbol: 'BTC/USDT',
  interval: '1m',
} as const;
const CONTEXT: CandleContext = {
  series: SERIES,
  from: epochMs(T),
  to: epochMs(T + 10 * MINUTE),
  venueNow: epochMs(T + 100_000),
  observedAt: epochMs(T + 100_500),
};

function mapKlines(rows: readonly unknown[], context: CandleContext): MappedRows {
  const mapped = BINANCE_FUTURES_MAPPER.mapCandles(rows, context);
  if (mapped === null) throw new Error('the rows are no answer');
  return mapped;
}

/** A good row, synthetic, with some elements replaced. */
function row(replaced: Readonly<Record<number, unknown>> = {}): unknown[] {
  const good: unknown[] = [
    T,
    '2.0',
    '4',
    '1.50',
    '3',
    '10',
    T + MINUTE - 1,
    '25',
    7,
    '4',
    '9',
    '0',
  ];
  return good.map((value, index) => (index in replaced ? replaced[index] : value));
}

const CAPTURED = JSON.parse(read('klines-1m-open.json')) as unknown[];

describe('the captured klines', () => {
  const { candles, rejects } = mapKlines(CAPTURED, CONTEXT);

  test('become candles with the exact digits, without trailing zeros', () => {
    expect(rejects).toEqual([]);
    expect(candles[0]?.candle).toEqual({
      ...SERIES,
      openTime: T,
      open: '83137.9',
      high: '83155.7',
      low: '83082.9',
      close: '83084.9',
      volume: '102.437',
      quoteVolume: '8514292.6122',
      trades: 4409,
      takerBuyBase: '49.832',
      takerBuyQuote: '4141805.9334',
      isClosed: true,
      observedAt: T + 100_500,
      source: 'rest',
    });
  });

  test('end with the one that was still forming', () => {
    expect(candles.map(({ candle }) => candle.isClosed)).toEqual([true, false]);
  });

  test('count as closed from the very end of their interval on, by the clock of the venue', () => {
    const closedAt = (offset: number): boolean | undefined => {
      const context = { ...CONTEXT, venueNow: epochMs(T + 2 * MINUTE + offset) };
      return mapKlines(CAPTURED, context).candles[1]?.candle.isClosed;
    };
    expect([closedAt(-1), closedAt(0)]).toEqual([false, true]);
  });
});

describe('a row', () => {
  test('with null optional fields keeps them null; "0" stays a value', () => {
    const mapped = mapKlines([row({ 5: '0.000', 7: null, 8: null, 9: null, 10: null })], CONTEXT);
    expect(mapped.candles[0]?.candle).toMatchObject({
      volume: '0',
      quoteVolume: null,
      trades: null,
      takerBuyBase: null,
      takerBuyQuote: null,
    });
    const without = mapKlines([row({ 5: null })], CONTEXT);
    expect(without.candles[0]?.candle.volume).toBeNull();
  });

  test('with elements that are new to us is mapped all the same', () => {
    expect(mapKlines([[...row(), 'new']], CONTEXT).candles).toHaveLength(1);
  });

  test.each<[RejectReason, number | null, unknown]>([
    ['malformed_row', null, null],
    ['malformed_row', null, {}],
    ['malformed_row', null, []],
    ['malformed_row', T, row().slice(0, 10)],
    ['malformed_row', T, row({ 1: 2.5 })],
    ['malformed_row', null, row({ 0: String(T) })],
    ['malformed_row', T, row({ 8: 1.5 })],
    ['time_out_of_range', null, row({ 0: 1_791_382_920 })],
    ['time_out_of_range', null, row({ 0: T * 1000 })],
    ['wrong_width', T, row({ 6: T + 5 * MINUTE - 1 })],
    ['wrong_width', T, row({ 6: T + MINUTE })],
    ['not_asked_for', T - MINUTE, row({ 0: T - MINUTE, 6: T - 1 })],
    ['not_asked_for', T + 10 * MINUTE, row({ 0: T + 10 * MINUTE, 6: T + 11 * MINUTE - 1 })],
    ['not_a_number', T, row({ 2: 'NaN' })],
    ['not_a_number', T, row({ 3: '' })],
    ['not_a_number', T, row({ 5: 'Infinity' })],
    ['not_a_number', T, row({ 10: '1,000' })],
    ['too_many_digits', T, row({ 4: '0.1234567890123456789' })],
    ['too_many_digits', T, row({ 7: '123456789012345678901' })],
  ])('is rejected as %s, its time read as %j, kept word for word: %j', (reason, openTime, bad) => {
    const good = row({ 0: T + MINUTE, 6: T + 2 * MINUTE - 1 });
    const { candles, rejects } = mapKlines([good, bad], CONTEXT);
    expect(candles).toHaveLength(1);
    const detail: unknown = expect.any(String);
    expect(rejects).toEqual([
      { series: SERIES, openTime, reason, detail, index: 1, rawRow: JSON.stringify(bad) },
    ]);
  });

  test('that repeats an open time is rejected, the first one stays', () => {
    const { candles, rejects } = mapKlines([row(), row({ 4: '2.5' })], CONTEXT);
    expect(candles.map(({ candle }) => candle.close)).toEqual(['3']);
    expect(rejects).toMatchObject([{ reason: 'duplicate', index: 1 }]);
  });

  test('out of order is put in order, its place in the answer kept', () => {
    const rows = [2, 0, 1].map((n) => row({ 0: T + n * MINUTE, 6: T + (n + 1) * MINUTE - 1 }));
    const { candles } = mapKlines(rows, CONTEXT);
    expect(candles.map(({ candle, index }) => [(candle.openTime - T) / MINUTE, index])).toEqual([
      [0, 1],
      [1, 2],
      [2, 0],
    ]);
  });
});

test('whatever rows arrive, each becomes exactly one candle or one reject', () => {
  const cell = fc.oneof(
    fc.jsonValue({ maxDepth: 1 }),
    fc.constantFrom(T, T + MINUTE, T + MINUTE - 1, '1', '2.5', 'NaN', '1e400', '-0', null),
  );
  const mutated = fc
    .dictionary(fc.integer({ min: 0, max: 11 }).map(String), cell, { maxKeys: 3 })
    .map((replaced) => row(replaced));
  const anything = fc.oneof(mutated, fc.array(cell, { maxLength: 14 }), fc.jsonValue());
  fc.assert(
    fc.property(fc.array(anything, { maxLength: 5 }), (rows) => {
      const { candles, rejects } = mapKlines(rows, CONTEXT);
      const indexes = [...candles, ...rejects].map(({ index }) => index).sort((a, b) => a - b);
      expect(indexes).toEqual(rows.map((_, index) => index));
      expect(new Set(candles.map(({ candle }) => candle.openTime)).size).toBe(candles.length);
    }),
    { numRuns: 500 },
  );
});

describe('instruments', () => {
  const map = (symbols: readonly unknown[]): MappedInstruments => {
    const mapped = BINANCE_FUTURES_MAPPER.mapInstruments({ rateLimits: [], symbols });
    if (mapped === null) throw new Error('the symbols are no answer');
    return mapped;
  };

  test('come from the documented exchangeInfo with steps, not precisions', () => {
    const info: unknown = JSON.parse(read('exchange-info-documented.json'));
    expect(BINANCE_FUTURES_MAPPER.mapInstruments(info)).toEqual({
      leftOut: [],
      instruments: [
        {
          exchange: 'binance-futures',
          marketType: 'perp',
          symbol: 'BLZ/USDT',
          aliases: [],
          base: 'BLZ',
          delistTime: null,
          quote: 'USDT',
          venueSymbol: 'BLZUSDT',
          isTrading: true,
          venueStatus: 'TRADING',
          onboardTime: 1_598_252_400_000,
          tickSize: '0.0001',
          stepSize: '1',
        },
      ],
    });
  });

  const contract = {
    symbol: 'BTCUSDT_260327',
    contractType: 'CURRENT_QUARTER',
    status: 'TRADING',
    baseAsset: 'BTC',
    quoteAsset: 'USDT',
    filters: [],
  };
  test('are perpetuals only; what is left out says why', () => {
    const { instruments, leftOut } = map([contract, { symbol: 'X' }]);
    expect(instruments).toEqual([]);
    expect(leftOut).toMatchObject([
      { reason: 'unsupported', index: 0, detail: expect.stringContaining('delivery contract') },
      { reason: 'malformed_row', index: 1 },
    ]);
  });

  test('say null for what the venue does not say, and when they end where it does', () => {
    const bare = { ...contract, symbol: 'BTCUSDT', contractType: 'PERPETUAL', status: 'SETTLING' };
    const ending = { ...bare, deliveryDate: 1_760_000_000_000 };
    expect(map([bare, ending]).instruments).toMatchObject([
      {
        isTrading: false,
        venueStatus: 'SETTLING',
        onboardTime: null,
        delistTime: null,
        tickSize: null,
        stepSize: null,
      },
      { delistTime: 1_760_000_000_000 },
    ]);
  });

  test('keep multiples and letters of any script in their names', () => {
    const perpetual = { ...contract, contractType: 'PERPETUAL' };
    const odd = [
      { ...perpetual, symbol: '1000SHIBUSDT', baseAsset: '1000SHIB' },
      { ...perpetual, symbol: '币安人生USDT', baseAsset: '币安人生' },
    ];
    expect(map(odd).instruments.map(({ symbol }) => symbol)).toEqual([
      '1000SHIB/USDT',
      '币安人生/USDT',
    ]);
  });
});

describe('a spelling', () => {
  const parse = (text: string): string => BINANCE_FUTURES_MAPPER.parseSymbol(text).symbol;

  test.each([
    ['BTCUSDT', 'BTC/USDT'],
    ['btcusdt', 'BTC/USDT'],
    ['BTC/USDT', 'BTC/USDT'],
    ['btc-usdt', 'BTC/USDT'],
    ['1000SHIBUSDT', '1000SHIB/USDT'],
    ['币安人生USDT', '币安人生/USDT'],
    ['ETHBTC', 'ETH/BTC'],
    ['BTCFDUSD', 'BTC/FDUSD'],
  ])('"%s" means %s', (text, symbol) => {
    expect(parse(text)).toBe(symbol);
  });

  test.each([
    ['BTCUSDT_260327', /delivery contract/],
    ['BTCUSD_PERP', /coin-margined/],
    ['USDT', /BASE\/QUOTE/],
    ['BTC/USDT/USDT', /BASE\/QUOTE/],
    ['', /BASE\/QUOTE/],
  ])('"%s" means nothing, and the error says why', (text, why) => {
    expect(() => parse(text)).toThrow(why);
  });
});

describe('funding', () => {
  const FUNDING_CONTEXT = {
    symbol: 'BTC/USDT',
    from: epochMs(T),
    to: epochMs(T + 100_000),
    observedAt: epochMs(T + 200_000),
  };
  // Hand-made after the documented example, with the oddities of real answers.
  const payment = {
    symbol: 'BTCUSDT',
    fundingTime: T + 3,
    fundingRate: '-0.00010000',
    markPrice: '34287.54619963',
  };
  const map = (json: unknown): MappedFunding | null =>
    BINANCE_FUTURES_MAPPER.mapFunding?.(json, FUNDING_CONTEXT) ?? null;

  test('keeps its exact rate, its own stamp, and null for a mark price that is blank', () => {
    const early = { ...payment, fundingTime: T, markPrice: '' };
    expect(map([payment, early])).toEqual({
      rates: [
        {
          exchange: 'binance-futures',
          symbol: 'BTC/USDT',
          fundingTime: T,
          rate: '-0.0001',
          markPrice: null,
          premium: null,
          observedAt: T + 200_000,
          source: 'rest',
        },
        expect.objectContaining({ fundingTime: T + 3, markPrice: '34287.54619963' }),
      ],
      rejects: [],
    });
  });

  test.each<[RejectReason, unknown]>([
    ['malformed_row', null],
    ['malformed_row', { ...payment, fundingRate: 0.0001 }],
    ['time_out_of_range', { ...payment, fundingTime: 1 }],
    ['not_asked_for', { ...payment, fundingTime: T - 1 }],
    ['not_asked_for', { ...payment, fundingTime: T + 100_000 }],
    ['not_a_number', { ...payment, fundingRate: '' }],
    ['too_many_digits', { ...payment, markPrice: '0.1234567890123456789' }],
    ['non_positive_price', { ...payment, fundingTime: T + 4, markPrice: '0.00000000' }],
    ['duplicate', payment],
  ])('is rejected as %s, kept word for word: %j', (reason, bad) => {
    const mapped = map([payment, bad]);
    expect(mapped?.rates).toHaveLength(1);
    expect(mapped?.rejects).toMatchObject([{ reason, index: 1, rawRow: JSON.stringify(bad) }]);
  });

  test('of another shape is no answer', () => {
    expect(map({ code: -1 })).toBeNull();
  });
});

test('the captured server time fits', () => {
  const cassette = JSON.parse(read('time.vcr.json')) as [{ response: { body: string } }];
  expect(SERVER_TIME.Check(JSON.parse(cassette[0].response.body))).toBe(true);
});

testFixturesAreListed(FIXTURES);

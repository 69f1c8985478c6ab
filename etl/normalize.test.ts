import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { epochMs } from '#core/time.ts';
import { mapperOf, type VenueId } from './extract/registry.ts';
import { normalize, type NormalizeRequest, type Normalized } from './normalize.ts';

const read = (path: string): string =>
  readFileSync(join(import.meta.dirname, 'extract', path), 'utf8');

function run(
  exchange: VenueId,
  text: string,
  request: Partial<Omit<NormalizeRequest, 'mapper' | 'text'>> = {},
): Normalized {
  const asked = { kind: 'klines', symbol: null, interval: null, now: epochMs(1_792_000_000_000) };
  return normalize({ ...asked, ...request, mapper: mapperOf(exchange), text } as NormalizeRequest);
}

const OPEN = 'binance-futures/fixtures/klines-1m-open.json';
const SNAPSHOT = 'hyperliquid/fixtures/candles-1h-open.json';
const FRAMES = 'hyperliquid/fixtures/stream-candles.jsonl';

describe('klines', () => {
  test('become one plain row each, with every key, whatever spelling names the symbol', () => {
    const now = epochMs(1_791_382_992_000);
    const { rows, rejects } = run('binance-futures', read(OPEN), {
      symbol: 'btcusdt',
      interval: '1m',
      now,
    });
    expect(rejects).toEqual([]);
    expect(rows[1]).toEqual({
      exchange: 'binance-futures',
      market_type: 'perp',
      symbol: 'BTC/USDT',
      interval: '1m',
      open_time: '2026-10-07T14:23:00.000Z',
      open_time_ms: 1_791_382_980_000,
      open: '83084.9',
      high: '83086.2',
      low: '83051.2',
      close: '83078',
      volume: '10.541',
      quote_volume: '875630.543',
      trades: 801,
      taker_buy_base: '4.063',
      taker_buy_quote: '337524.1462',
      is_closed: false,
      source: 'rest',
    });
  });

  test('that name their series need no flags', () => {
    const { rows } = run('hyperliquid', read(SNAPSHOT));
    expect(rows).toHaveLength(5);
    expect(rows[0]).toMatchObject({ symbol: 'BTC/USDC', interval: '1h', quote_volume: null });
  });

  test('that are numbers keep their digits, and null where the venue says nothing', () => {
    const { rows } = run('coinbase', '[[1517443380,1,3,2,2,16.057411940000005]]', {
      symbol: 'BTC-USD',
      interval: '1m',
    });
    expect(rows).toMatchObject([{ volume: '16.057411940000005', trades: null }]);
  });

  test('are judged as the pipeline judges them: rejects come with reason, place and row', () => {
    const good = [60_000, '2', '4', '1', '3', '1', 119_999, '1', 1, '1', '1', '0'];
    const at = (minutes: number, ...changed: [number, unknown][]): unknown[] => {
      const row: unknown[] = [...good];
      row[0] = 1_791_382_920_000 + minutes * 60_000;
      row[6] = 1_791_382_979_999 + minutes * 60_000;
      for (const [index, value] of changed) row[index] = value;
      return row;
    };
    const answer = [at(0), at(1, [2, '0.5']), at(2, [4, 'NaN']), null];
    const request = { symbol: 'BTC/USDT', interval: '1m' };
    const { rows, rejects } = run('binance-futures', JSON.stringify(answer), request);
    expect(rows).toHaveLength(1);
    expect(rejects).toEqual([
      {
        reason: 'ohlc_order',
        detail: 'open 2 > high 0.5',
        index: 1,
        open_time: '2026-10-07T14:23:00.000Z',
        row: answer[1],
      },
      {
        reason: 'not_a_number',
        detail: 'close "NaN"',
        index: 2,
        open_time: '2026-10-07T14:24:00.000Z',
        row: answer[2],
      },
      {
        reason: 'malformed_row',
        detail: expect.stringContaining('array') as unknown,
        index: 3,
        open_time: null,
        row: null,
      },
    ]);
  });

  test.each<[string, Partial<NormalizeRequest>, string, RegExp]>([
    ['no symbol', { interval: '1m' }, 'WICK_USAGE', /--symbol/],
    ['no interval', { symbol: 'BTC/USDT' }, 'WICK_USAGE', /--tf/],
    ['an odd interval', { symbol: 'BTC/USDT', interval: '7m' }, 'WICK_ETL_UNSUPPORTED', /1m, 3m/],
    [
      'a quarterly',
      { symbol: 'BTCUSDT_260327', interval: '1m' },
      'WICK_ETL_UNSUPPORTED',
      /ends on/,
    ],
  ])('with %s are a typed error that says what to do', (_name, request, code, message) => {
    expect(() => run('binance-futures', read(OPEN), request)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });

  test.each([
    ['{"some":"object"}', /no answer of binance-futures with candles/],
    ['nonsense', /not JSON/],
    [' \n', /that is empty; give the bare answer of binance-futures/],
    [read('binance-futures/fixtures/stream-kline-open.json'), /for frames give --kind stream/],
  ])('%s is no answer', (text, message) => {
    const request = { symbol: 'BTC/USDT', interval: '1m' };
    expect(() => run('binance-futures', text, request)).toThrow(message);
  });
});

describe('an error of the venue is told as one, with its words', () => {
  const errors: readonly (readonly [VenueId, string, RegExp])[] = [
    ['binance-futures', '{"code":-1121,"msg":"Invalid symbol."}', /says: -1121 Invalid symbol\./],
    ['binance-spot', '{"code":-1003,"msg":"Too many requests"}', /says: -1003 Too many/],
    ['coinbase', '{"message":"NotFound"}', /says: NotFound/],
    ['hyperliquid', 'null', /says: "null", which it gives for a coin that it does not have/],
    ['hyperliquid', '"Unable to recover signer."', /says: Unable to recover/],
    ['hyperliquid', '{"status":"err","response":"no such user"}', /says: no such user/],
    ['hyperliquid', 'Failed to deserialize the JSON body', /says: Failed to deserialize/],
  ];

  test.each(errors)('%s %s', (exchange, text, message) => {
    for (const kind of ['klines', 'symbols'] as const) {
      expect(() => run(exchange, text, { kind })).toThrow(
        expect.objectContaining({
          code: 'WICK_ETL_VENUE_PAYLOAD',
          message: expect.stringMatching(message),
        }),
      );
    }
  });

  test('among frames it is a refusal, not a malformed row', () => {
    for (const [exchange, text, message] of errors.slice(0, 6)) {
      const detail = expect.stringMatching(message.source.replace('says: ', '')) as unknown;
      const { rejects } = run(exchange, text, { kind: 'stream' });
      expect(rejects).toEqual([
        { reason: 'refused', detail, index: 0, open_time: null, row: JSON.parse(text) as unknown },
      ]);
    }
  });

  test.each(['klines', 'symbols', 'stream'] as const)('a web page is one to %s', (kind) => {
    const page = '<!DOCTYPE html>\n<html><head><title>502 Bad\n Gateway</title></head></html>';
    expect(() => run('coinbase', page, { kind })).toThrow(
      /that is a web page \("502 Bad Gateway"\) and no answer of coinbase/,
    );
    expect(() => run('coinbase', '<html>', { kind })).toThrow(/web page \("<html>"\)/);
  });

  test('an answer that was cut is no error of the venue', () => {
    const cut = read(SNAPSHOT).slice(0, 200);
    expect(() => run('hyperliquid', cut)).toThrow(/that is not JSON .*; it begins "\[/s);
  });
});

describe('symbols', () => {
  test('become one plain row each', () => {
    const info = read('binance-futures/fixtures/exchange-info-documented.json');
    expect(run('binance-futures', info, { kind: 'symbols' }).rows).toEqual([
      {
        exchange: 'binance-futures',
        market_type: 'perp',
        symbol: 'BLZ/USDT',
        base: 'BLZ',
        quote: 'USDT',
        venue_symbol: 'BLZUSDT',
        is_trading: true,
        status: 'TRADING',
        onboard_time: '2020-08-24T07:00:00.000Z',
        delist_time: null,
        tick_size: '0.0001',
        step_size: '1',
      },
    ]);
  });

  test('of another market are left out with the reason, malformed ones are rejected', () => {
    const quarterly = {
      symbol: 'BTCUSDT_260327',
      contractType: 'CURRENT_QUARTER',
      status: 'TRADING',
      baseAsset: 'BTC',
      quoteAsset: 'USDT',
      filters: [],
    };
    const text = JSON.stringify({ rateLimits: [], symbols: [quarterly, {}] });
    const { rejects, leftOut } = run('binance-futures', text, { kind: 'symbols' });
    expect(leftOut).toMatchObject([{ reason: 'unsupported', index: 0, row: quarterly }]);
    expect(rejects).toMatchObject([{ reason: 'malformed_row', index: 1, row: {} }]);
  });
});

describe('frames', () => {
  const frames = read(FRAMES).trim().split('\n');
  const list = `[\n${frames.join(',\n')}\n]`;

  test.each([
    ['one a line', read(FRAMES), 2],
    ['as a list', list, 2],
    ['as a list on one line', `[${frames.join(',')}]`, 2],
    ['one alone, spread over lines', JSON.stringify(JSON.parse(frames[0] ?? ''), null, 2), 1],
  ])('are understood %s', (_name, text, count) => {
    const { rows, rejects } = run('hyperliquid', text, { kind: 'stream' });
    expect([rows.length, rejects]).toEqual([count, []]);
    expect(rows[0]).toMatchObject({ symbol: 'BTC/USDC', interval: '1m', source: 'ws' });
  });

  test('of other series are passed over where a symbol or an interval is given', () => {
    const only = (request: Partial<NormalizeRequest>): number =>
      run('hyperliquid', read(FRAMES), { kind: 'stream', ...request }).rows.length;
    expect([only({ symbol: 'eth' }), only({ symbol: 'btc' }), only({ interval: '5m' })]).toEqual([
      0, 2, 0,
    ]);
  });

  test('that are refusals or no candles are rejected, each with its place', () => {
    const text = `{"channel":"error","data":"bad request"}\nnot json\n${frames[0]}`;
    const { rows, rejects } = run('hyperliquid', text, { kind: 'stream' });
    expect(rows).toHaveLength(1);
    expect(rejects).toMatchObject([
      { reason: 'refused', detail: 'bad request', index: 0 },
      { reason: 'malformed_row', index: 1, row: 'not json' },
    ]);
  });
});

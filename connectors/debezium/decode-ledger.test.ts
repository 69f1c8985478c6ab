/** Gap, funding and anchor messages as Debezium sent them, and what is wrong with damaged ones. */
import { describe, expect, test } from 'vitest';
import { altered, CAPTURED_LEDGER, captured } from '../../tests/support/captured-messages.ts';
import { decodeCandleMessage, type Decoded } from './decode.ts';

const LSN = 2n ** 64n;
const decoded = (name: string): Decoded => decodeCandleMessage(captured(name));

test('every captured message is told by its table', () => {
  for (const message of CAPTURED_LEDGER) {
    expect(decodeCandleMessage(message).kind, message.name).toBe(message.name.split(',')[0]);
  }
});

test('a gap is decoded whole', () => {
  expect(decoded('gap, insert')).toEqual({
    kind: 'gap',
    change: {
      series: {
        exchange: 'binance-futures',
        marketType: 'perp',
        symbol: 'SOL/USDT',
        interval: '1m',
      },
      key: 'binance-futures|perp|SOL/USDT|1m',
      from: Date.parse('2025-06-01T00:05:00Z'),
      gap: {
        from: Date.parse('2025-06-01T00:05:00Z'),
        to: Date.parse('2025-06-01T04:05:00Z'),
        candles: 240,
        cause: 'missing',
        attempts: 1,
        emptyAnswers: 1,
        firstSeenAt: Date.parse('2025-06-01T05:00:00.123Z'),
        lastCheckedAt: Date.parse('2025-06-01T05:00:01Z'),
        resolvedAt: null,
        detail: null,
        lastRunId: '9007199254740991',
      },
      op: 'c',
      origin: 'stream',
      version: 33896856n * LSN + 33896896n,
      lsn: '33896896',
      txId: 769,
      committedAt: 1795262856531,
      partition: 1,
      offset: '0',
    },
    unknown: [],
  });
});

test('a gap that was answered, one of a snapshot and one that is gone', () => {
  expect(decoded('gap, update')).toMatchObject({
    change: {
      op: 'u',
      gap: {
        cause: 'venue_empty',
        resolvedAt: Date.parse('2025-06-01T06:00:00Z'),
        detail: 'asked 2 times',
      },
    },
  });
  expect(decoded('gap, initial snapshot')).toMatchObject({
    change: { origin: 'initial_snapshot', version: 33896664n * LSN },
  });
  expect(decoded('gap, delete')).toMatchObject({
    change: { op: 'd', from: Date.parse('2025-06-01T00:05:00Z'), gap: null },
  });
});

test('a funding payment keeps every digit and its nulls', () => {
  expect(decoded('funding, insert')).toMatchObject({
    change: {
      series: { symbol: 'SOL/USDT', interval: '8h' },
      fundingTime: Date.parse('2025-06-01T00:00:00.004Z'),
      payment: {
        rate: '-0.000012345678901234',
        markPrice: '104500.5',
        premium: null,
        observedAt: Date.parse('2025-06-01T00:10:00.123Z'),
        source: 'rest',
      },
      ingestRunId: '7',
      rawId: '17',
      version: 33897296n * LSN + 33897296n,
    },
  });
  expect(decoded('funding, update')).toMatchObject({
    change: { payment: { rate: '0.0001', premium: '-0.00005' } },
  });
  expect(decoded('funding, delete')).toMatchObject({ change: { op: 'd', payment: null } });
});

test('a move of an anchor, the first, a later one and its end', () => {
  expect(decoded('anchor, initial snapshot')).toMatchObject({
    change: {
      key: 'binance-futures|perp|BTC/USDT|1m',
      anchor: Date.parse('2025-06-01T00:05:00Z'),
      origin: 'initial_snapshot',
      version: 34141048n * LSN,
    },
  });
  expect(decoded('anchor, insert')).toMatchObject({
    change: {
      op: 'c',
      anchor: Date.parse('2025-06-01T00:05:00.5Z'),
      movedAt: Date.parse('2026-11-21T15:44:56.595Z'),
    },
  });
  expect(decoded('anchor, update')).toMatchObject({
    change: {
      op: 'u',
      anchor: Date.parse('2025-05-01T00:00:00Z'),
      version: 34141304n * LSN + 34141304n,
    },
  });
  // What `before` says of the anchor itself is invented.
  expect(decoded('anchor, delete')).toMatchObject({ change: { op: 'd', anchor: null } });
});

describe('refused with its reason is', () => {
  test.each<[string, string, string | RegExp, string, RegExp]>([
    [
      'a table that nobody told us of',
      'gap, insert',
      '"table":"gaps"',
      '"table":"orders"',
      /^table "orders" is unknown$/,
    ],
    ['a cause of no kind', 'gap, insert', '"missing"', '"lost"', /cause "lost" is unknown/],
    [
      'a gap without its end',
      'gap, insert',
      /"gap_to":"[^"]*",/,
      '',
      /not a gap envelope: \/after/,
    ],
    ['a gap of less than nothing', 'gap, insert', '"candles":240', '"candles":-1', /candles/],
    [
      'a gap that begins at no time',
      'gap, insert',
      /"gap_from":"[^"]*"/g,
      '"gap_from":"x"',
      /gap_from "x"/,
    ],
    ['a rate that is no number', 'funding, insert', /"rate":"[^"]*"/, '"rate":"NaN"', /rate "NaN"/],
    [
      'a rate that is a float',
      'funding, insert',
      /"rate":"[^"]*"/,
      '"rate":0.0001',
      /not a funding/,
    ],
    [
      'a mark price of zero',
      'funding, insert',
      /"mark_price":"[^"]*"/,
      '"mark_price":"0"',
      /mark_price "0" is not above zero/,
    ],
    [
      'an anchor at no time',
      'anchor, insert',
      /"anchor":"[^"]*"/,
      '"anchor":"soon"',
      /anchor "soon"/,
    ],
    ['an anchor without its time', 'anchor, insert', /"anchor":"[^"]*",/, '', /not an anchor/],
    [
      'a candle that says it is a gap',
      'insert',
      '"table":"candles"',
      '"table":"gaps"',
      /not a gap envelope/,
    ],
  ])('%s', (_, name, piece, replacement, reason) => {
    const result = decodeCandleMessage(altered(name, piece, replacement));
    expect(result).toMatchObject({ kind: 'undecodable', reason: expect.stringMatching(reason) });
  });
});

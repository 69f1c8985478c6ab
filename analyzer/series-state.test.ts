import { describe, expect, test } from 'vitest';
import type { CandleChange } from '#core/contracts/candle-change.ts';
import { decimal } from '#core/decimal.ts';
import { epochMs } from '#core/time.ts';
import { CandleStream } from '../tests/support/candle-stream.ts';
import { TRIAL_RULES } from '../tests/support/trial-rules.ts';
import { advance, START } from './position.ts';
import { candleAfter, sameCandle, type HistoricCandle } from './historic-candle.ts';
import { SeriesState, type Applied } from './series-state.ts';

const MINUTE_MS = 60_000;
const [FIRST, SECOND, THIRD] = new CandleStream(3).changes.filter(
  ({ series }) => series.symbol === 'BTC/USDT',
) as [CandleChange, CandleChange, CandleChange];

function at(change: CandleChange, version: bigint, changes: Partial<CandleChange> = {}) {
  return { ...change, version, ...changes };
}

function revised(change: CandleChange, version: bigint, close = '101.5'): CandleChange {
  return at(change, version, {
    values: { ...change.values!, close: decimal(close) },
    revision: change.revision + 1,
  });
}

function stateAfter(...changes: CandleChange[]): SeriesState {
  const state = new SeriesState(TRIAL_RULES);
  for (const change of changes) state.apply(change);
  return state;
}

describe('a change of a series', () => {
  test('that is next is derived, with its own version', () => {
    const state = stateAfter(FIRST);
    const applied = state.apply(at(SECOND, 7n << 64n));
    expect(applied).toMatchObject({
      outcome: 'derived',
      row: { openTime: SECOND.openTime, candleVersion: 7n << 64n, version: 7n << 64n },
    });
    expect(state.position).toEqual(advance(START, at(SECOND, 7n << 64n)));
  });

  test('that leaves a gap is next all the same', () => {
    const later = at(SECOND, 9n, { openTime: epochMs(SECOND.openTime + 90 * MINUTE_MS) });
    expect(stateAfter(FIRST).apply(later).outcome).toBe('derived');
  });

  test('that revises the newest candle is derived again', () => {
    const state = stateAfter(FIRST, SECOND);
    expect(state.apply(revised(SECOND, 9n << 64n)).outcome).toBe('derived');
    expect(state.save()).toBe(stateAfter(FIRST, revised(SECOND, 9n << 64n)).save());
  });

  test('that repeats the newest candle only moves the position', () => {
    const state = stateAfter(FIRST, SECOND);
    expect(state.apply(at(SECOND, 9n << 64n))).toEqual<Applied>({ outcome: 'unchanged' });
    expect(state.position).toEqual(advance(START, at(SECOND, 9n << 64n)));
  });

  test.each<[string, CandleChange]>([
    ['is older than the newest candle', at(FIRST, 9n << 64n)],
    ['deletes the newest candle', at(SECOND, 9n << 64n, { op: 'd', values: null })],
    ['deletes an older candle', at(FIRST, 9n << 64n, { op: 'd', values: null })],
  ])('that %s needs history and moves nothing', (_name, change) => {
    const state = stateAfter(FIRST, SECOND);
    const before = state.save();
    expect(state.apply(change)).toEqual<Applied>({ outcome: 'needs_history' });
    expect(state.save()).toBe(before);
  });
});

test.each<[string, Partial<HistoricCandle>]>([
  ['revision', { revision: 1 }],
  ['observation time', { observedAt: epochMs(FIRST.observedAt + 1) }],
  ['source', { source: 'bulk' }],
  ...(
    [
      ['open', '7'],
      ['high', '7'],
      ['low', '7'],
      ['close', '7'],
      ['volume', '7'],
      ['quoteVolume', '7'],
      ['takerBuyBase', '7'],
      ['takerBuyQuote', '7'],
    ] as const
  ).map(([field, text]): [string, Partial<HistoricCandle>] => [
    field,
    { values: { ...FIRST.values!, [field]: decimal(text) } },
  ]),
  ['trades', { values: { ...FIRST.values!, trades: 7 } }],
])('candles that differ in %s are not the same', (_field, changes) => {
  const candle = candleAfter(FIRST, FIRST.values!);
  expect(sameCandle(candle, { ...candle, ...changes })).toBe(false);
});

test('candles that differ in their place alone are the same', () => {
  const candle = candleAfter(FIRST, FIRST.values!);
  expect(sameCandle(candle, { ...candle, version: 1n })).toBe(true);
});

describe('a saved state', () => {
  const state = stateAfter(FIRST, SECOND, revised(THIRD, 12n << 64n));

  test('restored is the same, and goes on the same way', () => {
    const copy = SeriesState.restore(TRIAL_RULES, state.save());
    expect(copy.save()).toBe(state.save());
    expect(copy.position).toEqual(state.position);
    expect(copy.apply(at(revised(THIRD, 13n << 64n), 13n << 64n)).outcome).toBe('unchanged');
  });

  test('before the first candle is one as well', () => {
    const empty = new SeriesState(TRIAL_RULES);
    const copy = SeriesState.restore(TRIAL_RULES, empty.save());
    expect(copy.position).toEqual(START);
    expect(copy.apply(FIRST).outcome).toBe('derived');
  });

  const text = state.save();
  test.each<[string, string, RegExp]>([
    ['is not JSON', text.slice(1), /is not JSON/],
    ['has another shape', '[]', /does not have the shape/],
    ['has a field too many', text.replace('{', '{"more":1,'), /does not have the shape/],
    ['has a value too few', text.replace('"101",', ''), /does not have the shape/],
    ['holds no price', text.replace('"101",', '"NaN",'), /holds "NaN", which is not a price/],
    [
      'has another newest candle than its features',
      text.replace(/"newest":\{.*?\}/, '"newest":null'),
      /another newest/,
    ],
    [
      'has no evaluator',
      text.replace(/"evaluator":.*$/, '"evaluator":"x","holes":[]}'),
      /is not JSON/,
    ],
  ])('that %s is refused', (_name, damaged, reason) => {
    expect(damaged).not.toBe(text);
    expect(() => SeriesState.restore(TRIAL_RULES, damaged)).toThrow(
      expect.objectContaining({
        code: 'WICK_ANALYZER_STATE_INVALID',
        message: expect.stringMatching(reason),
      }),
    );
  });
});

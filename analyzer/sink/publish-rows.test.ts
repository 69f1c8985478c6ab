/** What rows say as messages: under which key, with which values, and when a decision is taken back. */
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { avroType } from '../../connectors/contracts/contract.ts';
import { unframed } from '../../connectors/contracts/wire.ts';
import { decimal } from '#core/decimal.ts';
import type { Decision, SignalEvaluation } from '#core/signal.ts';
import { epochMs } from '#core/time.ts';
import { TRIAL_PRODUCER } from '../../tests/support/analyse.ts';
import { TEST_OPEN_TIME, TEST_SERIES, testCandle } from '../../tests/support/candles.ts';
import { SYNTHETIC_CONTRACTS } from '../../tests/support/told-decisions.ts';
import type { DerivedRow } from '../series-state.ts';
import { createRowEncoder, idempotencyKey } from './publish-rows.ts';

const encoder = createRowEncoder(TRIAL_PRODUCER, ['a', 'b'], SYNTHETIC_CONTRACTS);
const VERSION = (29_486_512n << 64n) + 29_486_552n;

function signal(decision: Decision | null): SignalEvaluation {
  const ruleScore = decision === null ? null : { long: 0.75, short: 0.25 };
  const scoreBasis = decision === null ? null : ('rules' as const);
  return { decision, ruleScore, mlProb: null, finalScore: ruleScore, scoreBasis };
}

function row(decision: Decision | null, before: DerivedRow['before'] = null): DerivedRow {
  const { openTime, observedAt, source, ...values } = testCandle({
    close: decimal('94500.000000000000000001'),
  });
  return {
    openTime,
    candleVersion: 7n,
    version: VERSION,
    evaluation: {
      status: decision === null ? 'warming' : 'active',
      vector: Float64Array.of(0.1, NaN),
      signal: signal(decision),
      fired: decision === null ? [] : ['bought'],
    },
    candle: { openTime, values, revision: 2, observedAt, source, version: 7n },
    before,
  };
}
const deleted = (before: DerivedRow['before']): DerivedRow => ({
  ...row(null, before),
  evaluation: null,
  candle: null,
});

function read(name: 'features.v1' | 'signals.v1', value: Buffer): unknown {
  const { schemaId, avro } = unframed(value);
  expect(schemaId).toBe(SYNTHETIC_CONTRACTS[name].schemaId);
  return { ...avroType(SYNTHETIC_CONTRACTS[name].text).fromBuffer(avro) };
}
const signalOf = (of: DerivedRow): unknown => {
  const message = encoder(TEST_SERIES, of).signal;
  return message === null ? null : read('signals.v1', message.value);
};

const PLACE = {
  exchange: 'binance-futures',
  market_type: 'perp',
  symbol: 'BTC/USDT',
  interval: '1m',
  ts_event: TEST_OPEN_TIME,
  ts_close: TEST_OPEN_TIME + 60_000,
  version: String(VERSION),
  candle_version: '7',
};

test('the key is the hash of series and open time, for both topics', () => {
  const text = `binance-futures|perp|BTC/USDT|1m|${TEST_OPEN_TIME}`;
  const key = createHash('sha256').update(text).digest('hex');
  expect(idempotencyKey(TEST_SERIES, TEST_OPEN_TIME)).toBe(key);
  expect(encoder(TEST_SERIES, row('Long')).feature.key).toBe(key);
  expect(encoder(TEST_SERIES, row('Long')).signal?.key).toBe(key);
  const next = epochMs(TEST_OPEN_TIME + 60_000);
  expect(idempotencyKey(TEST_SERIES, next)).not.toBe(key);
});

test('features are told by name, exactly, with null for "no value"', () => {
  expect(read('features.v1', encoder(TEST_SERIES, row('Long')).feature.value)).toEqual({
    ...PLACE,
    ts_observed: row('Long').candle?.observedAt,
    close: '94500.000000000000000001',
    revision: 2,
    feature_set: 'trial',
    feature_set_version: 1,
    feature_set_hash: '00'.repeat(32),
    status: 'active',
    values: { a: 0.1, b: null },
  });
});

test('of a deleted candle there is nothing but its place', () => {
  expect(read('features.v1', encoder(TEST_SERIES, deleted(null)).feature.value)).toMatchObject({
    ...PLACE,
    status: 'retracted',
    ts_observed: null,
    close: null,
    revision: null,
    values: {},
  });
});

test('equal rows make equal bytes', () => {
  const [a, b] = [row('Long'), row('Long')].map((each) => encoder(TEST_SERIES, each).feature);
  expect(a).toEqual(b);
});

describe('of decisions', () => {
  test.each<[Decision | null, DerivedRow['before'], object | null]>([
    ['Long', null, { status: 'active', decision: 'Long', retracted_decision: null }],
    ['Long', 'Neutral', { status: 'active', decision: 'Long', retracted_decision: null }],
    ['Long', 'any', { status: 'active', decision: 'Long', retracted_decision: null }],
    // Told again: its version or its scores are others.
    ['Long', 'Long', { status: 'active', decision: 'Long', retracted_decision: null }],
    ['Short', 'Long', { status: 'active', decision: 'Short', retracted_decision: 'Long' }],
    ['Neutral', null, null],
    ['Neutral', 'Neutral', null],
    [null, null, null],
    [null, 'Neutral', null],
    ['Neutral', 'Short', { status: 'retracted', decision: null, retracted_decision: 'Short' }],
    [null, 'Long', { status: 'retracted', decision: null, retracted_decision: 'Long' }],
    ['Neutral', 'any', { status: 'retracted', decision: null, retracted_decision: null }],
  ])('"%s" after "%s" tells %j', (decision, before, told) => {
    const message = signalOf(row(decision, before));
    if (told === null) expect(message).toBeNull();
    else expect(message).toMatchObject({ ...PLACE, ...told });
  });

  test('that of a deleted candle ends', () => {
    expect(signalOf(deleted('Long'))).toMatchObject({
      status: 'retracted',
      retracted_decision: 'Long',
      final_score_long: null,
      fired: [],
    });
    expect(signalOf(deleted(null))).toBeNull();
  });

  test('one says what it was made of', () => {
    expect(signalOf(row('Short'))).toMatchObject({
      rule_set: 'trial',
      rule_set_version: 1,
      model_version: '',
      rule_score_long: 0.75,
      rule_score_short: 0.25,
      ml_prob_long: null,
      final_score_short: 0.25,
      score_basis: 'rules',
      fired: ['bought'],
    });
  });
});

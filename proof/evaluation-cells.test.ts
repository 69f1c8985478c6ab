/** Texts of evaluations: equal exactly when every bit is, and told apart column by column. */
import { expect, test } from 'vitest';
import type { CandleEvaluation } from '../analyzer/evaluation.ts';
import { cellsOf, differingCells } from './evaluation-cells.ts';

const PRODUCER = { featureSetHash: 'abc' };
const NAMES = ['first', 'second'];

function evaluation(values: readonly number[], final: number | null = null): CandleEvaluation {
  return {
    status: final === null ? 'warming' : 'active',
    vector: Float64Array.from(values),
    signal: {
      decision: final === null ? null : 'Long',
      ruleScore: null,
      mlProb: null,
      finalScore: final === null ? null : { long: final, short: 0 },
      scoreBasis: final === null ? null : 'rules',
    },
    fired: final === null ? [] : ['up'],
  };
}

const texts = (values: readonly number[], final: number | null = null) =>
  cellsOf(evaluation(values, final), PRODUCER);

test('the last bit of a value, and the sign of nothing, are a difference', () => {
  const next = 0.1 + 2 ** -56;
  expect(
    differingCells('features', texts([0.1, 0]).features, texts([next, -0]).features, NAMES),
  ).toEqual([
    {
      column: 'first',
      computed: { value: '0.1', bits: '3fb999999999999a' },
      stored: { value: '0.10000000000000002', bits: '3fb999999999999b' },
    },
    {
      column: 'second',
      computed: { value: '0', bits: '0000000000000000' },
      stored: { value: '0', bits: '8000000000000000' },
    },
  ]);
});

test('no value is a value of its own, whatever bits NaN has', () => {
  const nan = new Float64Array(new BigUint64Array([0xfff8_0000_0000_0001n]).buffer)[0]!;
  expect(texts([nan, 1]).features).toBe(texts([NaN, 1]).features);
  expect(
    differingCells('features', texts([NaN, 1]).features, texts([0, 1]).features, NAMES),
  ).toEqual([
    {
      column: 'first',
      computed: { value: null, bits: null },
      stored: { value: '0', bits: '0000000000000000' },
    },
  ]);
});

test('a signal is told apart by status, decision, scores, what they rest on and reasons', () => {
  const columns = differingCells('signals', texts([1], 0.5).signals, texts([1]).signals, NAMES);
  expect(columns.map(({ column }) => column)).toEqual([
    'status',
    'decision',
    'score_basis',
    'final_score_long',
    'final_score_short',
    'fired',
  ]);
});

test('a row with more values than the set has is not equal', () => {
  const columns = differingCells(
    'features',
    texts([1, 2]).features,
    texts([1, 2, 3]).features,
    NAMES,
  );
  expect(columns.map(({ column }) => column)).toEqual(['values[3]']);
});

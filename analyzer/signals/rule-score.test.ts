import { readFileSync } from 'node:fs';
import { DECISIONS } from '#core/signal.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyBars, flatBars, realBars } from '../../tests/support/bars.ts';
import type { Bar } from '../features/bar.ts';
import { createFeatureEngine } from '../features/engine.ts';
import { compileFeatureSet } from '../features/feature-set.ts';
import { CORE_V1 } from '../features/sets/core-v1.ts';
import { evaluateSignal } from './decide.ts';
import { explainRuleScore, scoreRules } from './rule-score.ts';
import {
  compileRuleSet,
  createFrame,
  fillFrame,
  parseRuleSet,
  type CompiledRuleSet,
} from './rule-set.ts';

const CORE = compileFeatureSet(CORE_V1);

/** Rules with one long condition of the given test beside a short one that never fires. */
function rulesOf(...all: readonly object[]): CompiledRuleSet {
  const never = [{ left: 0, operator: 'gt', right: 1 }];
  const conditions = [
    { name: 'tried', direction: 'long', weight: 1, why: 'Under test.', all },
    { name: 'never', direction: 'short', weight: 1, why: 'Never.', all: never },
  ];
  return compile({ conditions });
}

function compile(changes: object): CompiledRuleSet {
  const text = JSON.stringify({
    name: 'trial',
    version: 1,
    description: 'For a test.',
    featureSet: 'core.v1',
    thresholds: { long: 0.5, short: 0.5, margin: 0.1 },
    ...changes,
  });
  return compileRuleSet(parseRuleSet(text, 'trial.json'), CORE, 'trial.json');
}

function frameOf(rules: CompiledRuleSet, values: Readonly<Record<string, number>>): Float64Array {
  const frame = createFrame(rules);
  for (const [name, value] of Object.entries(values)) frame[CORE.names.indexOf(name)] = value;
  return frame;
}

function firesOn(test: object, values: Readonly<Record<string, number>>): boolean {
  const rules = rulesOf(test);
  return scoreRules(rules, frameOf(rules, values), null).fired.includes(0);
}

describe('a test', () => {
  it('compares a feature with a constant, at the boundary too', () => {
    const at = (operator: string) =>
      [49, 50, 51].map((rsi) => firesOn({ left: 'rsi_14', operator, right: 50 }, { rsi_14: rsi }));
    expect(at('gt')).toEqual([false, false, true]);
    expect(at('gte')).toEqual([false, true, true]);
    expect(at('lt')).toEqual([true, false, false]);
    expect(at('lte')).toEqual([true, true, false]);
  });

  it('takes both ends of a range as inside', () => {
    const at = (operator: string) =>
      [29, 30, 50, 70, 71].map((rsi) =>
        firesOn({ left: 'rsi_14', operator, low: 30, high: 70 }, { rsi_14: rsi }),
      );
    expect(at('between')).toEqual([false, true, true, true, false]);
    expect(at('outside')).toEqual([true, false, false, false, true]);
  });

  it('sees a crossing only on the candle on which the pair changes sides', () => {
    const rules = rulesOf({ left: 'ema_12', operator: 'crosses_above', right: 'ema_26' });
    const above = frameOf(rules, { ema_12: 2, ema_26: 1 });
    const level = frameOf(rules, { ema_12: 1, ema_26: 1 });
    const below = frameOf(rules, { ema_12: 0, ema_26: 1 });
    const fires = (now: Float64Array, before: Float64Array) =>
      scoreRules(rules, now, before).long === 1;
    expect([
      fires(above, below),
      fires(above, level),
      fires(above, above),
      fires(level, below),
    ]).toEqual([true, true, false, false]);
    const falls = rulesOf({ left: 'ema_12', operator: 'crosses_below', right: 'ema_26' });
    expect(scoreRules(falls, below, above).long).toBe(1);
    expect(scoreRules(falls, above, below).long).toBe(0);
  });

  it('neither fires nor fails on a missing value, and the condition is listed as unknown', () => {
    const rules = rulesOf(
      { left: 'rsi_14', operator: 'gt', right: 50 },
      { left: 'macd', operator: 'gt', right: 0 },
    );
    const crossing = rulesOf({ left: 'macd', operator: 'crosses_above', right: 0 });
    expect(scoreRules(rules, frameOf(rules, { rsi_14: 60 }), null)).toMatchObject({
      fired: [],
      unknown: [0],
    });
    expect(scoreRules(rules, frameOf(rules, { rsi_14: 40 }), null)).toMatchObject({
      fired: [],
      unknown: [],
    });
    expect(scoreRules(crossing, frameOf(crossing, { macd: 1 }), null)).toMatchObject({
      unknown: [0],
    });
    expect(
      scoreRules(crossing, frameOf(crossing, { macd: 1 }), createFrame(crossing)),
    ).toMatchObject({ unknown: [0] });
    expect(
      firesOn(
        { left: 'rsi_14', operator: 'between', low: 'bb_lower', high: 'bb_upper' },
        { rsi_14: 1, bb_lower: 0 },
      ),
    ).toBe(false);
  });
});

describe('a score', () => {
  const up = (name: string, weight: number, above: number) => ({
    name,
    direction: 'long',
    weight,
    why: 'It rises.',
    all: [{ left: 'rsi_14', operator: 'gt', right: above }],
  });
  const rules = compile({
    conditions: [
      up('a', 1, 10),
      up('b', 2, 20),
      up('c', 5, 30),
      { ...up('d', 3, 25), direction: 'short' },
    ],
  });

  it('is the fired share of each direction, and the explanation adds up to it', () => {
    const score = scoreRules(rules, frameOf(rules, { rsi_14: 27 }), null);
    expect(score).toEqual({ long: 0.375, short: 1, fired: [0, 1, 3], unknown: [] });
    expect(explainRuleScore(rules, score)).toEqual([
      { name: 'a', direction: 'long', contribution: 0.125 },
      { name: 'b', direction: 'long', contribution: 0.25 },
      { name: 'd', direction: 'short', contribution: 1 },
    ]);
  });

  it('is exactly 1 when all fire and 0 when none does', () => {
    expect(scoreRules(rules, frameOf(rules, { rsi_14: 99 }), null)).toMatchObject({
      long: 1,
      short: 1,
    });
    expect(scoreRules(rules, frameOf(rules, { rsi_14: 1 }), null)).toMatchObject({
      long: 0,
      short: 0,
    });
  });
});

describe('core-trend', () => {
  const file = new URL('../../rules/core-trend.json', import.meta.url);
  const rules = compileRuleSet(
    parseRuleSet(readFileSync(file, 'utf8'), 'core-trend.json'),
    CORE,
    'core-trend.json',
  );

  function evaluate(bars: readonly Bar[]) {
    const engine = createFeatureEngine(CORE);
    const frame = createFrame(rules);
    return bars.map((bar) => {
      engine.add(bar);
      fillFrame(rules, frame, engine, bar);
      const score = engine.isWarm ? scoreRules(rules, frame, null) : null;
      const { thresholds } = rules.ruleSet;
      return { score, ...evaluateSignal({ ruleScore: score, mlProb: null, thresholds }) };
    });
  }

  it('gives each of Long, Short and Neutral at least 5 % of real candles, and nothing while warming', () => {
    const decisions = evaluate(realBars()).map((step) => step.decision);
    const shares = DECISIONS.map(
      (wanted) => decisions.filter((each) => each === wanted).length / decisions.length,
    );
    expect(shares.filter((share) => share < 0.05)).toEqual([]);
    expect(decisions.indexOf(null)).toBe(0);
    expect(decisions.lastIndexOf(null)).toBe(CORE.warmUp - 2);
  });

  it('mirrors: every long condition has its short twin of equal weight', () => {
    const weights = (direction: string) =>
      rules.conditions.filter((each) => each.direction === direction).map((each) => each.weight);
    expect(weights('short')).toEqual(weights('long'));
  });

  it('stays Neutral without the trend condition, whatever else fires', () => {
    const steps = evaluate(realBars());
    const names = ({ score }: (typeof steps)[number]) =>
      score === null ? [] : explainRuleScore(rules, score).map((each) => each.name);
    expect(
      steps.filter((step) => step.decision === 'Long' && !names(step).includes('trend_up')),
    ).toEqual([]);
    expect(
      steps.filter((step) => step.decision === 'Short' && !names(step).includes('trend_down')),
    ).toEqual([]);
  });

  it('stays Neutral in a dead market and keeps scores within 0 and 1 in any other', () => {
    const dead = evaluate(flatBars(100, 200, 5)).slice(CORE.warmUp);
    expect(new Set(dead.map((step) => step.decision))).toEqual(new Set(['Neutral']));
    fc.assert(
      fc.property(anyBars, (bars) => {
        for (const { ruleScore } of evaluate(bars)) {
          const scores = ruleScore === null ? [] : [ruleScore.long, ruleScore.short];
          expect(scores.filter((score) => !(score >= 0 && score <= 1))).toEqual([]);
        }
      }),
      { numRuns: 30, seed: 20_250_601 },
    );
  });
});

import { expect, it } from 'vitest';
import { decide, evaluateSignal } from './decide.ts';

const THRESHOLDS = { long: 0.6, short: 0.7, margin: 0.25 };

it('takes the direction that reaches its own threshold and beats the other by the margin', () => {
  expect(decide({ long: 0.6, short: 0.35 }, THRESHOLDS)).toBe('Long');
  expect(decide({ long: 0.2, short: 0.7 }, THRESHOLDS)).toBe('Short');
});

it('stays Neutral below the threshold, within the margin and on a tie', () => {
  expect(decide({ long: 0.59, short: 0 }, THRESHOLDS)).toBe('Neutral');
  expect(decide({ long: 0, short: 0.69 }, THRESHOLDS)).toBe('Neutral');
  expect(decide({ long: 0.9, short: 0.7 }, THRESHOLDS)).toBe('Neutral');
  expect(decide({ long: 0.8, short: 0.9 }, THRESHOLDS)).toBe('Neutral');
  expect(decide({ long: 1, short: 1 }, { long: 0, short: 0, margin: 0 })).toBe('Neutral');
});

it('lets the rules speak alone where there is no model, and says so', () => {
  const ruleScore = { long: 0.75, short: 0.25 };
  expect(evaluateSignal({ ruleScore, mlProb: null, thresholds: THRESHOLDS })).toEqual({
    decision: 'Long',
    ruleScore,
    mlProb: null,
    finalScore: ruleScore,
    scoreBasis: 'rules',
  });
});

it('blends rules and model by direction, 0.6 to 0.4, and decides on the blend', () => {
  const inputs = { ruleScore: { long: 0.5, short: 0.25 }, thresholds: THRESHOLDS };
  const blended = evaluateSignal({ ...inputs, mlProb: { long: 1, short: 0.25 } });
  expect(blended.finalScore?.long).toBeCloseTo(0.7, 12);
  expect(blended.finalScore?.short).toBeCloseTo(0.25, 12);
  expect(blended).toMatchObject({ decision: 'Long', scoreBasis: 'rules_and_model' });
  expect(evaluateSignal({ ...inputs, mlProb: null }).decision).toBe('Neutral');
  const other = evaluateSignal({
    ...inputs,
    mlProb: { long: 0, short: 1 },
    weights: { rule: 0, model: 1 },
  });
  expect(other).toMatchObject({ decision: 'Short', finalScore: { long: 0, short: 1 } });
});

it('says nothing at all while warming, not even Neutral', () => {
  const warming = evaluateSignal({
    ruleScore: null,
    mlProb: { long: 1, short: 0 },
    thresholds: THRESHOLDS,
  });
  expect(Object.values(warming)).toEqual([null, null, null, null, null]);
});

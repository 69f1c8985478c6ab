import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyBars, bitsOf, flatBars, realBars } from '../tests/support/bars.ts';
import { TRIAL_RULES } from '../tests/support/trial-rules.ts';
import { Evaluator, type CandleEvaluation } from './evaluation.ts';
import type { Bar } from './features/bar.ts';

const RUNS = { numRuns: 60, seed: 20_250_601 };
const BARS = realBars().slice(0, 60);

/** An evaluation as text: the vector itself is valid only until the next bar. */
function sayingOf({ vector, status, signal, fired }: CandleEvaluation): string {
  return JSON.stringify({ bits: bitsOf(vector), status, signal, fired });
}

function restored(evaluator: Evaluator, newest: Bar): Evaluator {
  const copy = Evaluator.restore(TRIAL_RULES, evaluator.save());
  copy.resumeAt(newest);
  return copy;
}

test('the first candles are warming, say nothing, and from the fourth on all are active', () => {
  const evaluator = new Evaluator(TRIAL_RULES);
  const statuses = BARS.slice(0, 6).map((bar) => {
    const { status, signal, fired } = evaluator.add(bar);
    if (status === 'warming') {
      expect(fired).toEqual([]);
      expect(signal).toEqual({
        decision: null,
        ruleScore: null,
        mlProb: null,
        finalScore: null,
        scoreBasis: null,
      });
    } else {
      expect(signal.decision).not.toBeNull();
      expect(signal.scoreBasis).toBe('rules');
      expect(signal.mlProb).toBeNull();
    }
    return status;
  });
  expect(statuses).toEqual(['warming', 'warming', 'warming', 'active', 'active', 'active']);
});

test('the vector has one place for each feature of the set', () => {
  const { vector } = new Evaluator(TRIAL_RULES).add(BARS[0]!);
  expect(vector).toHaveLength(TRIAL_RULES.features.names.length);
});

test('a rule that looks at the candle before sees the one before, not an older one', () => {
  const closes = [10, 10, 10, 10, 9, 12, 12.1, 9];
  const evaluator = new Evaluator(TRIAL_RULES);
  const fired = flatBars(10, closes.length, 1).map((bar, index) => {
    const close = closes[index]!;
    const { fired: names } = evaluator.add({ ...bar, close, high: 13, low: 8 });
    return names.filter((name) => name.startsWith('crossed')).join();
  });
  expect(fired).toEqual(['', '', '', '', 'crossed_down', 'crossed_up', '', 'crossed_down']);
});

test('it knows when its newest candle opened', () => {
  const evaluator = new Evaluator(TRIAL_RULES);
  expect(evaluator.openTime).toBeNull();
  evaluator.add(BARS[0]!);
  expect(evaluator.openTime).toBe(BARS[0]!.openTime);
});

test('revising the newest candle is as if only its last form had ever come', () => {
  const factor = fc.double({ min: 0.5, max: 2, noNaN: true });
  fc.assert(
    fc.property(anyBars, fc.array(factor, { minLength: 1, maxLength: 5 }), (bars, factors) => {
      const plain = new Evaluator(TRIAL_RULES);
      const revised = new Evaluator(TRIAL_RULES);
      for (const [index, bar] of bars.entries()) {
        const by = factors[index % factors.length]!;
        const wrong = { ...bar, close: bar.low + (bar.high - bar.low) * (by - 0.5), volume: by };
        revised.add(wrong);
        if (by > 1) revised.replace({ ...wrong, close: bar.high });
        expect(sayingOf(revised.replace(bar))).toBe(sayingOf(plain.add(bar)));
        expect(revised.save()).toBe(plain.save());
      }
    }),
    RUNS,
  );
});

test('saving and restoring anywhere changes no bit of what follows', () => {
  fc.assert(
    fc.property(anyBars, fc.array(fc.nat({ max: 3 }), { minLength: 1 }), (bars, choices) => {
      const plain = new Evaluator(TRIAL_RULES);
      let busy = new Evaluator(TRIAL_RULES);
      for (const [index, bar] of bars.entries()) {
        const choice = choices[index % choices.length]!;
        const expected = sayingOf(plain.add(bar));
        let said = busy.add(choice > 1 ? { ...bar, close: bar.low } : bar);
        if (choice > 0) busy = restored(busy, choice > 1 ? { ...bar, close: bar.low } : bar);
        if (choice > 1) said = busy.replace(bar);
        expect(sayingOf(said)).toBe(expected);
        expect(busy.save()).toBe(plain.save());
      }
    }),
    RUNS,
  );
});

test('after a restore, the next candle still sees the one before the restore', () => {
  const closes = [10, 10, 10, 10, 9, 12];
  let evaluator = new Evaluator(TRIAL_RULES);
  const fired = flatBars(10, closes.length, 1).map((flat, index) => {
    const bar = { ...flat, close: closes[index]!, high: 13, low: 8 };
    const names = evaluator.add(bar).fired;
    evaluator = restored(evaluator, bar);
    return names.filter((name) => name.startsWith('crossed')).join();
  });
  expect(fired).toEqual(['', '', '', '', 'crossed_down', 'crossed_up']);
});

describe('a text that is no state of these rules is refused', () => {
  const evaluator = new Evaluator(TRIAL_RULES);
  for (const bar of BARS) evaluator.add(bar);
  const saved = evaluator.save();
  const [first = '', rest = ''] = saved.split('"previous":[', 2);

  test.each<[string, string, RegExp]>([
    ['nothing', '', /is not JSON/],
    ['half of one', saved.slice(0, 80), /is not JSON/],
    ['another shape', '{}', /does not have the shape/],
    ['more than one', saved.replace('{', '{"more":1,'), /does not have the shape/],
    ['another width', `${first}"previous":[1,${rest}`, /is of another width/],
    ['another set', saved.replace('trial.v1', 'trial.v2'), /trial\.v2/],
    ['a damaged engine', saved.replace('"engine":"{', '"engine":"'), /is not JSON/],
  ])('%s', (_name, text, reason) => {
    expect(() => Evaluator.restore(TRIAL_RULES, text)).toThrow(
      expect.objectContaining({
        code: 'WICK_ANALYZER_STATE_INVALID',
        message: expect.stringMatching(reason),
      }),
    );
  });
});

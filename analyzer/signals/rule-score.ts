/**
 * Scores one candle by rules. In: compiled rules and the frame of the candle (and of the one before,
 * where rules ask for it). Out: for each direction the fired share of its weights, in [0, 1], and
 * which conditions fired. Pure: the same frames give the same bits. Absent evidence is no evidence:
 * a condition on a value that does not exist does not fire, and is listed as unknown.
 */
import type { Direction } from '#core/signal.ts';
import type { CompiledCondition, CompiledRuleSet, CompiledTest } from './rule-set.ts';

/** The rules' say on one candle. */
export interface RuleScore {
  /** Fired weight / all weight of the direction, in [0, 1]. */
  readonly long: number;
  readonly short: number;
  /** Indices into the conditions of the compiled rules, ascending. */
  readonly fired: readonly number[];
  /** Indices of conditions that could not be decided because a value is missing, ascending. */
  readonly unknown: readonly number[];
}

/** One fired condition, for people. */
export interface FiredCondition {
  readonly name: string;
  readonly direction: Direction;
  /** Its part of the direction's score. */
  readonly contribution: number;
}

type Outcome = 'holds' | 'fails' | 'unknown';

/** `previous` is the frame of the candle before; null where there is none yet. */
export function scoreRules(
  rules: CompiledRuleSet,
  frame: Float64Array,
  previous: Float64Array | null,
): RuleScore {
  const { conditions, weights } = rules;
  const fired: number[] = [];
  const unknown: number[] = [];
  let long = 0;
  let short = 0;
  for (let index = 0; index < conditions.length; index += 1) {
    const condition = conditions[index]!;
    const outcome = check(condition, frame, previous);
    if (outcome === 'unknown') unknown.push(index);
    if (outcome !== 'holds') continue;
    fired.push(index);
    if (condition.direction === 'long') long += condition.weight;
    else short += condition.weight;
  }
  return { long: long / weights.long, short: short / weights.short, fired, unknown };
}

/** Names and contributions of what fired, in the order of the rule file. */
export function explainRuleScore(rules: CompiledRuleSet, score: RuleScore): FiredCondition[] {
  return score.fired.map((index) => {
    const { name, direction, contribution } = rules.conditions[index]!;
    return { name, direction, contribution };
  });
}

/** A failed test decides; otherwise a missing value leaves the condition unknown. */
function check(
  condition: CompiledCondition,
  frame: Float64Array,
  previous: Float64Array | null,
): Outcome {
  let outcome: Outcome = 'holds';
  for (const test of condition.tests) {
    const result = checkTest(test, frame, previous);
    if (result === 'fails') return 'fails';
    if (result === 'unknown') outcome = 'unknown';
  }
  return outcome;
}

function checkTest(
  test: CompiledTest,
  frame: Float64Array,
  previous: Float64Array | null,
): Outcome {
  const left = frame[test.left]!;
  const right = frame[test.right]!;
  if (Number.isNaN(left) || Number.isNaN(right)) return 'unknown';
  switch (test.operator) {
    case 'gt':
      return left > right ? 'holds' : 'fails';
    case 'gte':
      return left >= right ? 'holds' : 'fails';
    case 'lt':
      return left < right ? 'holds' : 'fails';
    case 'lte':
      return left <= right ? 'holds' : 'fails';
    case 'between':
    case 'outside': {
      const high = frame[test.high]!;
      if (Number.isNaN(high)) return 'unknown';
      const isInside = left >= right && left <= high;
      return isInside === (test.operator === 'between') ? 'holds' : 'fails';
    }
    case 'crosses_above':
      return left > right ? crossed(test, previous, 1) : 'fails';
    case 'crosses_below':
      return left < right ? crossed(test, previous, -1) : 'fails';
    default:
      return test.operator satisfies never;
  }
}

/** Whether the pair stood at or on the other side one candle ago. */
function crossed(test: CompiledTest, previous: Float64Array | null, side: 1 | -1): Outcome {
  if (previous === null) return 'unknown';
  const gap = previous[test.left]! - previous[test.right]!;
  if (Number.isNaN(gap)) return 'unknown';
  return gap * side <= 0 ? 'holds' : 'fails';
}

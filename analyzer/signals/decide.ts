/**
 * From scores to a decision. In: the rule score of a candle, a model's probabilities where there is a
 * model, thresholds. Out: the final score of each direction and Long, Short or Neutral. Without a
 * model the rules speak alone and the result says so: a missing probability is never replaced by an
 * invented one. Pure.
 */
import type { Decision, DirectionScores, SignalEvaluation } from '#core/signal.ts';
import type { RuleScore } from './rule-score.ts';
import type { RuleSet } from './rule-set.ts';

/** What a direction must clear, and by how much it must beat the other; each in [0, 1]. */
export type Thresholds = RuleSet['thresholds'];

/** Parts of the final score; each in [0, 1], together 1. */
export interface FinalScoreWeights {
  readonly rule: number;
  readonly model: number;
}

/** `FinalScore = 0.6 * RuleScore + 0.4 * ML_Prob_To_TP`. */
export const FINAL_SCORE_WEIGHTS: FinalScoreWeights = { rule: 0.6, model: 0.4 };

/** What a candle is judged by. */
export interface SignalInputs {
  /** Null while warming: then everything in the evaluation is null. */
  readonly ruleScore: Pick<RuleScore, 'long' | 'short'> | null;
  /** Probability of each direction, in [0, 1]; null where no model speaks. */
  readonly mlProb: DirectionScores | null;
  readonly thresholds: Thresholds;
  readonly weights?: FinalScoreWeights;
}

/** The evaluation of one candle. */
export function evaluateSignal(inputs: SignalInputs): SignalEvaluation {
  const { ruleScore, mlProb, thresholds, weights = FINAL_SCORE_WEIGHTS } = inputs;
  if (ruleScore === null) {
    return { decision: null, ruleScore: null, mlProb: null, finalScore: null, scoreBasis: null };
  }
  const rule: DirectionScores = { long: ruleScore.long, short: ruleScore.short };
  const finalScore =
    mlProb === null
      ? rule
      : {
          long: weights.rule * rule.long + weights.model * mlProb.long,
          short: weights.rule * rule.short + weights.model * mlProb.short,
        };
  return {
    decision: decide(finalScore, thresholds),
    ruleScore: rule,
    mlProb,
    finalScore,
    scoreBasis: mlProb === null ? 'rules' : 'rules_and_model',
  };
}

/**
 * The direction that reaches its threshold and beats the other by at least the margin, and in any
 * case beats it; else Neutral.
 */
export function decide(scores: DirectionScores, thresholds: Thresholds): Decision {
  const lead = scores.long - scores.short;
  if (lead > 0 && lead >= thresholds.margin && scores.long >= thresholds.long) return 'Long';
  if (lead < 0 && -lead >= thresholds.margin && scores.short >= thresholds.short) return 'Short';
  return 'Neutral';
}

/**
 * What the analyzer says about one closed candle. In: scores in [0, 1] for each direction. Out:
 * the words that signals, tables, topics and reports share. No score is computed here.
 */

/** What a trader would do about the series after this candle. */
export const DECISIONS = ['Long', 'Short', 'Neutral'] as const;
export type Decision = (typeof DECISIONS)[number];

/** A side that can be taken; a rule, a score and a probability belong to exactly one. */
export const DIRECTIONS = ['long', 'short'] as const;
export type Direction = (typeof DIRECTIONS)[number];

/**
 * Why a signal row may or may not be acted on.
 * `warming`: too few candles since the series' anchor, all scores are null.
 * `tainted`: computed across a known gap; scores are shown, the decision is not published.
 * `active`: a full evaluation.
 * `retracted`: was active; a later revision of its inputs took it back.
 */
export const SIGNAL_STATUSES = ['warming', 'tainted', 'active', 'retracted'] as const;
export type SignalStatus = (typeof SIGNAL_STATUSES)[number];

/** One number in [0, 1] for each direction. */
export interface DirectionScores {
  readonly long: number;
  readonly short: number;
}

/** What a final score was made of; without a model the rules speak alone, and say so. */
export const SCORE_BASES = ['rules', 'rules_and_model'] as const;
export type ScoreBasis = (typeof SCORE_BASES)[number];

/** The evaluation of one closed candle; all null while warming. */
export interface SignalEvaluation {
  /** Null where nothing was evaluated, which is not the same as Neutral. */
  readonly decision: Decision | null;
  readonly ruleScore: DirectionScores | null;
  /** Probability that take-profit is hit before stop-loss; null where no model spoke. */
  readonly mlProb: DirectionScores | null;
  readonly finalScore: DirectionScores | null;
  readonly scoreBasis: ScoreBasis | null;
}

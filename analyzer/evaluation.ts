/**
 * What the analyzer computes for one closed candle of one series, and the running state behind it.
 * Pure and deterministic: the state after a series is a function of its candles alone, so stored,
 * restored and rebuilt states are equal bit for bit. It sees no clock, socket or store.
 */
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { AppError } from '#core/errors.ts';
import type { Decision, SignalEvaluation, SignalStatus } from '#core/signal.ts';
import {
  createFeatureEngine,
  restoreFeatureEngine,
  type FeatureEngine,
} from './features/engine.ts';
import type { Bar } from './features/bar.ts';
import { evaluateSignal } from './signals/decide.ts';
import { scoreRules } from './signals/rule-score.ts';
import { createFrame, fillFrame, type CompiledRuleSet } from './signals/rule-set.ts';

/** The result for one candle. `vector` is valid until the next candle is taken. */
export interface CandleEvaluation {
  readonly status: Extract<SignalStatus, 'warming' | 'tainted' | 'active'>;
  /** The feature values in the order of the set, NaN for "no value". */
  readonly vector: Float64Array;
  readonly signal: SignalEvaluation;
  /** Names of the conditions that fired, in the order of the rule file. */
  readonly fired: readonly string[];
}

const SavedEvaluator = Compile(
  Type.Object(
    {
      engine: Type.String(),
      previous: Type.Union([FrameType(), Type.Null()]),
      sinceHole: Type.Integer({ minimum: 0 }),
    },
    { additionalProperties: false },
  ),
);

function FrameType() {
  return Type.Array(Type.Union([Type.Number(), Type.Null()]));
}

const NOTHING_FIRED: readonly string[] = [];

/** Runs one feature set and one rule set over one series. */
export class Evaluator {
  readonly #rules: CompiledRuleSet;
  #engine: FeatureEngine;
  #current: Float64Array;
  #previous: Float64Array;
  #hasPrevious = false;
  /** Candles since the last one behind a hole, counted up to the warm-up: then nothing feels it. */
  #sinceHole: number;

  constructor(rules: CompiledRuleSet) {
    this.#rules = rules;
    this.#sinceHole = rules.features.warmUp;
    this.#engine = createFeatureEngine(rules.features);
    this.#current = createFrame(rules);
    this.#previous = createFrame(rules);
  }

  /** Open time of the newest candle; null before the first. */
  get openTime(): number | null {
    return this.#engine.openTime;
  }

  /**
   * Takes the next closed candle of the series.
   * @param isAcrossHole see `isAcrossHole`: it and what follows is tainted until a warm-up has passed.
   */
  add(bar: Bar, isAcrossHole = false): CandleEvaluation {
    if (isAcrossHole) this.#sinceHole = 0;
    else if (this.#sinceHole < this.#rules.features.warmUp) this.#sinceHole += 1;
    const frame = this.#previous;
    this.#hasPrevious = this.#engine.openTime !== null;
    this.#previous = this.#current;
    this.#current = frame;
    this.#engine.add(bar);
    return this.#evaluate(bar);
  }

  /** Takes a revision of the newest candle: exactly as if only this one had been added. */
  replace(bar: Bar): CandleEvaluation {
    this.#engine.replace(bar);
    return this.#evaluate(bar);
  }

  /** The evaluation of the newest candle once more; `bar` is that candle. */
  again(bar: Bar): CandleEvaluation {
    return this.#evaluate(bar);
  }

  /** The whole state as text; equal candles give equal texts. */
  save(): string {
    const previous = this.#hasPrevious
      ? Array.from(this.#previous.subarray(0, this.#frameFields()), (value) =>
          Number.isNaN(value) ? null : value,
        )
      : null;
    return JSON.stringify({
      engine: this.#engine.state(),
      previous,
      sinceHole: this.#sinceHole,
    });
  }

  /**
   * An evaluator that goes on where `save()` was taken; only `add` may follow directly, a revision
   * of the newest candle too.
   * @throws AppError WICK_ANALYZER_STATE_INVALID when the text does not fit these rules.
   */
  static restore(rules: CompiledRuleSet, text: string): Evaluator {
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch (error) {
      throw invalid('is not JSON', error);
    }
    if (!SavedEvaluator.Check(json)) throw invalid('does not have the shape of one');
    const evaluator = new Evaluator(rules);
    evaluator.#engine = restoreFeatureEngine(rules.features, json.engine);
    evaluator.#engine.writeTo(evaluator.#current, 0);
    evaluator.#sinceHole = json.sinceHole;
    if (json.previous !== null) {
      if (json.previous.length !== evaluator.#frameFields()) throw invalid('is of another width');
      evaluator.#hasPrevious = true;
      for (const [index, value] of json.previous.entries()) {
        evaluator.#previous[index] = value ?? NaN;
      }
    }
    return evaluator;
  }

  /** Restores the bar's own fields of the newest frame, which the engine does not keep. */
  resumeAt(bar: Bar): void {
    fillFrame(this.#rules, this.#current, this.#engine, bar);
  }

  #frameFields(): number {
    return this.#current.length - this.#rules.constants.length;
  }

  #evaluate(bar: Bar): CandleEvaluation {
    const rules = this.#rules;
    const frame = this.#current;
    fillFrame(rules, frame, this.#engine, bar);
    const vector = frame.subarray(0, rules.features.names.length);
    if (!this.#engine.isWarm) {
      const signal = evaluateSignal({
        ruleScore: null,
        mlProb: null,
        thresholds: rules.ruleSet.thresholds,
      });
      return { status: 'warming', vector, signal, fired: NOTHING_FIRED };
    }
    const score = scoreRules(rules, frame, this.#hasPrevious ? this.#previous : null);
    const signal = evaluateSignal({
      ruleScore: score,
      mlProb: null,
      thresholds: rules.ruleSet.thresholds,
    });
    const fired =
      score.fired.length === 0
        ? NOTHING_FIRED
        : score.fired.map((index) => rules.conditions[index]!.name);
    const isTainted = this.#sinceHole < rules.features.warmUp;
    return { status: isTainted ? 'tainted' : 'active', vector, signal, fired };
  }
}

/** What others are told of an evaluation: nobody is to act across a hole. */
export function toldDecision({ status, signal }: CandleEvaluation): Decision | null {
  return status === 'active' ? signal.decision : null;
}

/** By its rules: what a candle older than its series' anchor is told as. */
const UNANCHORED = new WeakMap<CompiledRuleSet, CandleEvaluation>();

/** The evaluation of a candle that does not count: no values, no scores. */
export function unanchored(rules: CompiledRuleSet): CandleEvaluation {
  let evaluation = UNANCHORED.get(rules);
  if (evaluation === undefined) {
    const { thresholds } = rules.ruleSet;
    evaluation = {
      status: 'warming',
      vector: new Float64Array(rules.features.names.length).fill(NaN),
      signal: evaluateSignal({ ruleScore: null, mlProb: null, thresholds }),
      fired: NOTHING_FIRED,
    };
    UNANCHORED.set(rules, evaluation);
  }
  return evaluation;
}

function invalid(problem: string, cause?: unknown): AppError {
  return new AppError(
    'WICK_ANALYZER_STATE_INVALID',
    `a saved analyzer state ${problem}; rebuild the series from its candles`,
    { cause },
  );
}

/**
 * Rule sets: conditions over features, as data. In: the text of a `rules/*.json` file and a compiled
 * feature set. Out: rules laid out for fast evaluation, every operand resolved to a place in one flat
 * frame. A file that names an unknown feature or breaks the format is refused, by file and place.
 * Reading files is not done here.
 */
import { AppError } from '#core/errors.ts';
import { DIRECTIONS, type Direction } from '#core/signal.ts';
import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import type { Bar } from '../features/bar.ts';
import type { FeatureEngine } from '../features/engine.ts';
import type { CompiledFeatureSet } from '../features/feature-set.ts';

/** What a rule may say about the bar itself. */
const BAR_FIELDS = ['open', 'high', 'low', 'close', 'volume'] as const;
/** Bounds one evaluation. */
const CONDITIONS_MAX = 100;
const TESTS_MAX = 10;

const Share = Type.Number({ minimum: 0, maximum: 1 });
const Name = Type.String({ pattern: '^[a-z][a-z0-9_]*$' });
const Operand = Type.Union([Type.Number(), Type.String({ pattern: '^(bar\\.)?[a-z][a-z0-9_]*$' })]);

const Comparison = Type.Object(
  {
    left: Operand,
    operator: Type.Enum(['gt', 'gte', 'lt', 'lte', 'crosses_above', 'crosses_below']),
    right: Operand,
  },
  { additionalProperties: false },
);

const RangeTest = Type.Object(
  { left: Operand, operator: Type.Enum(['between', 'outside']), low: Operand, high: Operand },
  { additionalProperties: false },
);

const Condition = Type.Object(
  {
    name: Name,
    direction: Type.Enum([...DIRECTIONS]),
    /** Its share of the direction's score is weight / sum of the direction's weights. */
    weight: Type.Number({ exclusiveMinimum: 0, maximum: 1000 }),
    /** The thought behind it, for people. */
    why: Type.String({ minLength: 1 }),
    /** All must hold. */
    all: Type.Array(Type.Union([Comparison, RangeTest]), { minItems: 1, maxItems: TESTS_MAX }),
  },
  { additionalProperties: false },
);

/** The format of `rules/*.json`; `rules/rule-set.schema.json` is this schema as a file. */
export const RuleSetSchema = Type.Object(
  {
    $schema: Type.Optional(Type.String()),
    name: Type.String({ pattern: '^[a-z][a-z0-9-]*$' }),
    version: Type.Integer({ minimum: 1 }),
    description: Type.String({ minLength: 1 }),
    /** Id of the feature set it was written for, for example `core.v1`. */
    featureSet: Type.String({ pattern: '^[a-z][a-z0-9_]*\\.v[1-9][0-9]*$' }),
    /** Final score a direction needs, and by how much it must beat the other. */
    thresholds: Type.Object(
      { long: Share, short: Share, margin: Share },
      { additionalProperties: false },
    ),
    conditions: Type.Array(Condition, { minItems: 2, maxItems: CONDITIONS_MAX }),
  },
  {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Wickstream rule set',
    additionalProperties: false,
  },
);

/** A rule set as its JSON file says it, checked against the schema. */
export type RuleSet = Static<typeof RuleSetSchema>;
type Test = RuleSet['conditions'][number]['all'][number];

/** One test with its operands as places in the frame; `high` is used by ranges only. */
export interface CompiledTest {
  readonly operator: Test['operator'];
  readonly left: number;
  readonly right: number;
  readonly high: number;
}

/** A condition whose operands are places in the frame. */
export interface CompiledCondition {
  readonly name: string;
  readonly direction: Direction;
  readonly weight: number;
  /** Share of the direction's score when it fires, in (0, 1]. */
  readonly contribution: number;
  readonly tests: readonly CompiledTest[];
}

/** Rules that are known to run on the given feature set. */
export interface CompiledRuleSet {
  readonly ruleSet: RuleSet;
  /** For example `core-trend.v1`. */
  readonly id: string;
  readonly features: CompiledFeatureSet;
  readonly conditions: readonly CompiledCondition[];
  /** Sum of the weights of each direction, > 0. */
  readonly weights: Readonly<Record<Direction, number>>;
  /** True where a test looks at the candle before as well. */
  readonly usesPrevious: boolean;
  /** Places of a frame: the features in order, the bar's fields, then these constants. */
  readonly constants: readonly number[];
}

/**
 * Parses a rule file. `file` is what errors call it.
 * @throws AppError WICK_CONFIG_INVALID that names the file, the place in it and what is expected.
 */
export function parseRuleSet(text: string, file: string): RuleSet {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw invalid(file, 'is not JSON', error);
  }
  if (Value.Check(RuleSetSchema, json)) return json;
  const problems = Value.Errors(RuleSetSchema, json)
    .map((problem) => `${problem.instancePath || 'it'} ${problem.message}`)
    .slice(0, 5);
  throw invalid(file, `does not follow rules/rule-set.schema.json: ${problems.join('; ')}`);
}

/**
 * Resolves every operand against a feature set.
 * @throws AppError WICK_CONFIG_INVALID that names the file, the condition and the unknown feature;
 * also where the set was written for another feature set, a condition's name appears twice or a
 * direction has no condition.
 */
export function compileRuleSet(
  ruleSet: RuleSet,
  features: CompiledFeatureSet,
  file: string,
): CompiledRuleSet {
  if (ruleSet.featureSet !== features.id) {
    throw invalid(file, `is written for the feature set ${ruleSet.featureSet}, not ${features.id}`);
  }
  const constants: number[] = [];
  const places = new Map<string, number>(features.names.map((name, index) => [name, index]));
  for (const [index, field] of BAR_FIELDS.entries()) {
    places.set(`bar.${field}`, features.names.length + index);
  }
  const placeOf = (operand: number | string, condition: string): number => {
    if (typeof operand === 'number') {
      constants.push(operand);
      return features.names.length + BAR_FIELDS.length + constants.length - 1;
    }
    const place = places.get(operand);
    if (place !== undefined) return place;
    throw invalid(
      file,
      `condition "${condition}" uses "${operand}", which is neither a feature of ${features.id} ` +
        `(${features.names.join(', ')}) nor one of bar.${BAR_FIELDS.join(', bar.')}`,
    );
  };
  const weights = weightsOf(ruleSet, file);
  return {
    ruleSet,
    id: `${ruleSet.name}.v${ruleSet.version}`,
    features,
    conditions: ruleSet.conditions.map(({ name, direction, weight, all }) => ({
      name,
      direction,
      weight,
      contribution: weight / weights[direction],
      tests: all.map((test) => ({
        operator: test.operator,
        left: placeOf(test.left, name),
        right: placeOf('right' in test ? test.right : test.low, name),
        high: 'high' in test ? placeOf(test.high, name) : 0,
      })),
    })),
    weights,
    usesPrevious: ruleSet.conditions.some(({ all }) =>
      all.some(({ operator }) => operator === 'crosses_above' || operator === 'crosses_below'),
    ),
    constants,
  };
}

/**
 * An empty frame: what the rules look at for one candle, NaN where there is no value. Its first
 * places are the feature vector itself.
 */
export function createFrame(rules: CompiledRuleSet): Float64Array {
  const fixed = rules.features.names.length + BAR_FIELDS.length;
  const frame = new Float64Array(fixed + rules.constants.length).fill(NaN, 0, fixed);
  frame.set(rules.constants, fixed);
  return frame;
}

/** Writes the newest features of `engine` and the newest bar into a frame of these rules. */
export function fillFrame(
  rules: CompiledRuleSet,
  frame: Float64Array,
  engine: FeatureEngine,
  bar: Bar,
): void {
  engine.writeTo(frame, 0);
  const at = rules.features.names.length;
  frame[at] = bar.open;
  frame[at + 1] = bar.high;
  frame[at + 2] = bar.low;
  frame[at + 3] = bar.close;
  frame[at + 4] = bar.volume ?? NaN;
}

function weightsOf(ruleSet: RuleSet, file: string): Record<Direction, number> {
  const weights = { long: 0, short: 0 };
  const names = new Set<string>();
  for (const { name, direction, weight } of ruleSet.conditions) {
    if (names.has(name)) throw invalid(file, `has two conditions named "${name}"`);
    names.add(name);
    weights[direction] += weight;
  }
  for (const direction of DIRECTIONS) {
    if (weights[direction] === 0) throw invalid(file, `has no condition for ${direction}`);
  }
  return weights;
}

function invalid(file: string, problem: string, cause?: unknown): AppError {
  return new AppError('WICK_CONFIG_INVALID', `rule file ${file} ${problem}`, {
    cause,
    details: { file },
  });
}

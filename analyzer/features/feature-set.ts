/**
 * Feature sets: which indicators, with which parameters, under which names, in which order. In: a
 * set as data. Out: the same set checked against the catalogue, with everything an engine needs to
 * run it. The order is a contract: stored vectors are read by position. Changing anything in a set
 * means a new version. Hashing happens elsewhere; this gives the text to hash.
 */
import { indicatorSpec } from './catalogue.ts';
import { resolveParameters, type IndicatorSpec, type Unit } from './indicator.ts';

/** One feature: one output of one indicator. */
export interface FeatureDefinition {
  /** Lower snake case, unique in the set; column and rule operand name. */
  readonly name: string;
  /** Name in the catalogue. */
  readonly indicator: string;
  /** By name; what is left out takes the indicator's default. */
  readonly parameters: Readonly<Record<string, number>>;
  readonly output: string;
}

/** A set as data. */
export interface FeatureSet {
  readonly name: string;
  readonly version: number;
  readonly features: readonly FeatureDefinition[];
}

/** One running indicator of a set; features that differ only in the output share it. */
export interface IndicatorSlot {
  /** For example `macd:12:26:9`; unique in the set, names its part of the saved state. */
  readonly key: string;
  readonly spec: IndicatorSpec;
  /** In the declared order, defaults filled in. */
  readonly parameters: readonly number[];
  /** Index of its first output among the outputs of all slots. */
  readonly at: number;
}

/** A set that is known to run. */
export interface CompiledFeatureSet {
  readonly set: FeatureSet;
  /** For example `core.v1`. */
  readonly id: string;
  /** Feature names in order. */
  readonly names: readonly string[];
  /** Units in the order of the names. */
  readonly units: readonly Unit[];
  /** For each feature: candles needed, the current one included, until it may have a value. */
  readonly warmUps: readonly number[];
  /** The largest of `warmUps`. */
  readonly warmUp: number;
  readonly slots: readonly IndicatorSlot[];
  /** Number of outputs of all slots. */
  readonly outputs: number;
  /** For each feature: index of its value among the outputs of all slots. */
  readonly sources: Int32Array;
}

const NAME = /^[a-z][a-z0-9_]*$/;
/** A set larger than this is a mistake; bounds work per candle and width of a row. */
const FEATURES_MAX = 500;

/** `name.vN`, the one spelling of a set everywhere. */
export function featureSetId(set: Pick<FeatureSet, 'name' | 'version'>): string {
  return `${set.name}.v${set.version}`;
}

/**
 * Checks a set against the catalogue and lays out its indicators.
 * @throws RangeError that names the set, the feature and what is wrong with it.
 */
export function compileFeatureSet(set: FeatureSet): CompiledFeatureSet {
  const id = featureSetId(set);
  if (!NAME.test(set.name) || !Number.isInteger(set.version) || set.version < 1) {
    throw new RangeError(`"${id}" is not a feature set id like "core.v1"`);
  }
  if (set.features.length === 0 || set.features.length > FEATURES_MAX) {
    throw new RangeError(`${id} has ${set.features.length} features; 1 to ${FEATURES_MAX} may be`);
  }
  const slots = new Map<string, IndicatorSlot>();
  const names = new Set<string>();
  const units: Unit[] = [];
  const warmUps: number[] = [];
  const sources: number[] = [];
  let outputs = 0;
  for (const feature of set.features) {
    const where = `${id}: feature "${feature.name}"`;
    if (!NAME.test(feature.name)) throw new RangeError(`${where} is not lower snake case`);
    if (names.has(feature.name)) throw new RangeError(`${where} appears twice`);
    names.add(feature.name);
    const { spec, parameters } = within(where, () => resolve(feature));
    const key = [spec.name, ...parameters].join(':');
    const slot = slots.get(key) ?? { key, spec, parameters, at: outputs };
    if (!slots.has(key)) {
      slots.set(key, slot);
      outputs += spec.outputs.length;
    }
    const index = spec.outputs.findIndex((output) => output.name === feature.output);
    const output = spec.outputs[index];
    const warmUp = spec.warmUp(...parameters)[index];
    if (output === undefined || warmUp === undefined) {
      const known = spec.outputs.map((known) => known.name).join(', ');
      throw new RangeError(
        `${where}: ${spec.name} has no output "${feature.output}"; it has ${known}`,
      );
    }
    units.push(output.unit);
    warmUps.push(warmUp);
    sources.push(slot.at + index);
  }
  return {
    set,
    id,
    names: [...names],
    units,
    warmUps,
    warmUp: Math.max(...warmUps),
    slots: [...slots.values()],
    outputs,
    sources: Int32Array.from(sources),
  };
}

/**
 * The set as canonical JSON (keys sorted, no spaces, defaults written out, each indicator's revision
 * included): equal texts give bit-equal features for equal candles. This is what is hashed.
 * @throws RangeError as `compileFeatureSet` does.
 */
export function canonicalText(set: FeatureSet): string {
  const features = set.features.map((feature) => {
    const { spec, parameters } = within(feature.name, () => resolve(feature));
    const named = spec.parameters
      .map((parameter, index) => [parameter.name, parameters[index]] as const)
      .toSorted(([a], [b]) => (a < b ? -1 : 1));
    return {
      indicator: spec.name,
      name: feature.name,
      output: feature.output,
      parameters: Object.fromEntries(named),
      revision: spec.revision,
    };
  });
  return JSON.stringify({ features, name: set.name, version: set.version });
}

function resolve(feature: FeatureDefinition): {
  readonly spec: IndicatorSpec;
  readonly parameters: readonly number[];
} {
  const spec = indicatorSpec(feature.indicator);
  const parameters = resolveParameters(spec, feature.parameters);
  spec.create(...parameters);
  return { spec, parameters };
}

function within<T>(where: string, resolveIt: () => T): T {
  try {
    return resolveIt();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new RangeError(`${where}: ${error.message}`, { cause: error });
  }
}

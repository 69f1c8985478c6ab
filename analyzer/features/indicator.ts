/**
 * The contract of every indicator. In: bars in order of open time, one `add` each, `replace` when
 * the newest is revised. Out: one number per declared output, or none before its warm-up. Invariant:
 * after any history the numbers and the state are bit for bit those of a fresh indicator fed with
 * the final bars alone, also across `state` and `restore`. No clock, no I/O, nothing shared.
 */
import type { Bar } from './bar.ts';
import type { StateReader } from './state-reader.ts';

/** A running indicator over one series. Not safe to share between series. */
export interface Indicator {
  /** Takes the next bar. */
  add(bar: Bar): void;
  /** Takes a revision of the newest bar. @throws Error where no bar was added yet. */
  replace(bar: Bar): void;
  /**
   * Writes one number per output to `target` from index `at`; NaN means "no value": before warm-up,
   * or where the formula is undefined for these bars (each indicator says when).
   */
  write(target: Float64Array, at: number): void;
  /**
   * Appends the whole state as finite numbers, none of them -0, so that JSON keeps every bit.
   * `restore` on a fresh indicator with equal parameters reads the same numbers back.
   */
  save(into: number[]): void;
  /** @throws AppError WICK_ANALYZER_STATE_INVALID where the numbers cannot be such a state. */
  restore(from: StateReader): void;
}

/** What a value counts in; `price` is the quote asset, `ratio` and `percent` have no unit. */
export type Unit = 'price' | 'ratio' | 'percent' | 'volume';

/** One column that an indicator yields. */
export interface OutputSpec {
  readonly name: string;
  readonly unit: Unit;
  /** Inclusive bounds that every value keeps; null where there is none. */
  readonly min: number | null;
  readonly max: number | null;
}

/** One number that an indicator is tuned by; the bounds are inclusive. */
export interface ParameterSpec {
  readonly name: string;
  readonly default: number;
  readonly min: number;
  readonly max: number;
  readonly integer: boolean;
}

/**
 * How far back a value reaches. `window`: the last `warmUp` bars decide every bit. `session`: the
 * bars of one UTC day do. `recursive`: all bars since the first, with fading weight.
 */
export type Memory = 'window' | 'session' | 'recursive';

/** An indicator as the catalogue knows it. */
export interface IndicatorSpec {
  /** Lower snake case, unique in the catalogue. */
  readonly name: string;
  /** Raised whenever the same bars would give other bits; part of every feature-set hash. */
  readonly revision: number;
  /** One line for lists. */
  readonly summary: string;
  readonly memory: Memory;
  readonly parameters: readonly ParameterSpec[];
  readonly outputs: readonly OutputSpec[];
  /** For each output: bars fed, the current one included, when its first value may appear. */
  warmUp(...parameters: readonly number[]): readonly number[];
  /** @throws RangeError where parameters that are valid one by one do not go together. */
  create(...parameters: readonly number[]): Indicator;
}

/** Longest window that any indicator may ask for, in bars: bounds state and work per bar. */
export const PERIOD_MAX = 1000;

/** The usual `period` parameter. */
export function periodParameter(byDefault: number, min = 2, name = 'period'): ParameterSpec {
  return { name, default: byDefault, min, max: PERIOD_MAX, integer: true };
}

/** An output with bounds; leave them out where there are none. */
export function output(
  name: string,
  unit: Unit,
  min: number | null = null,
  max: number | null = null,
): OutputSpec {
  return { name, unit, min, max };
}

/**
 * Puts named parameters into the declared order and fills in defaults.
 * @throws RangeError that names the indicator, the parameter, its value and what is allowed.
 */
export function resolveParameters(
  spec: IndicatorSpec,
  named: Readonly<Record<string, number>>,
): readonly number[] {
  const known = spec.parameters.map((parameter) => parameter.name);
  for (const name of Object.keys(named)) {
    if (!known.includes(name)) {
      throw new RangeError(
        `${spec.name} has no parameter "${name}"; it has ${known.join(', ') || 'none'}`,
      );
    }
  }
  return spec.parameters.map((parameter) => {
    const value = named[parameter.name] ?? parameter.default;
    const inRange = value >= parameter.min && value <= parameter.max;
    if (!inRange || (parameter.integer && !Number.isInteger(value))) {
      throw new RangeError(
        `${spec.name}: ${parameter.name} = ${value} is not ${parameter.integer ? 'an integer' : 'a number'} ` +
          `from ${parameter.min} to ${parameter.max}`,
      );
    }
    return value;
  });
}

/** The current values in the order of the outputs, null for "no value". Allocates; for edges. */
export function resultOf(indicator: Indicator, outputs: number): (number | null)[] {
  const values = new Float64Array(outputs);
  indicator.write(values, 0);
  return Array.from(values, (value) => (Number.isNaN(value) ? null : value));
}

/** @throws Error where there is no bar to revise: the caller lost count. */
export function assertHasBar(seen: number): void {
  if (seen === 0) throw new Error('replace was called before any bar was added');
}

/**
 * Runs one feature set over one series. In: bars in order of open time, and revisions of the newest.
 * Out: the feature vector after the newest bar, and the whole state as text. Invariant: vector and
 * text are bit for bit those of a fresh engine fed with the final bars alone, also across saving and
 * restoring at any bar. It does not know gaps, clocks or stores, and only the newest bar can be
 * revised: an older revision means feeding the series again from before it.
 */
import { AppError } from '#core/errors.ts';
import { isEpochMs } from '#core/time.ts';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import type { Bar } from './bar.ts';
import type { CompiledFeatureSet } from './feature-set.ts';
import type { Indicator } from './indicator.ts';
import { StateReader } from './state-reader.ts';

/** Raised when the layout of the saved text changes. */
const STATE_FORMAT = 2;

const SavedState = Compile(
  Type.Object(
    {
      format: Type.Integer(),
      set: Type.String(),
      seen: Type.Integer({ minimum: 0 }),
      openTime: Type.Union([Type.Integer(), Type.Null()]),
      indicators: Type.Record(Type.String(), Type.Array(Type.Number())),
    },
    { additionalProperties: false },
  ),
);

/** The running features of one series. */
export interface FeatureEngine {
  readonly features: CompiledFeatureSet;
  /** Bars taken since the series' anchor, counted up to the warm-up of the set. */
  readonly seen: number;
  /** Open time of the newest bar; null before the first. */
  readonly openTime: number | null;
  /** True once every feature may have a value; one may still be null where its formula has none. */
  readonly isWarm: boolean;
  /** Takes the next bar. @throws Error where it does not open after the newest. */
  add(bar: Bar): void;
  /** Takes a revision of the newest bar. @throws Error where it opens at another time. */
  replace(bar: Bar): void;
  /** The vector in the set's order, null for "no value". Allocates; see `writeTo`. */
  values(): (number | null)[];
  /** Writes the vector to `target` from `offset`, NaN for "no value". The fast way. */
  writeTo(target: Float64Array, offset: number): void;
  /** The whole state as compact JSON; equal histories since the anchor give equal texts. */
  state(): string;
}

/** A fresh engine. */
export function createFeatureEngine(features: CompiledFeatureSet): FeatureEngine {
  return new RunningFeatures(features);
}

/**
 * An engine that goes on where `state()` was taken.
 * @throws AppError WICK_ANALYZER_STATE_INVALID where the text is damaged or belongs to another set,
 * version or layout; the caller then rebuilds the series from its candles.
 */
export function restoreFeatureEngine(features: CompiledFeatureSet, text: string): FeatureEngine {
  const engine = new RunningFeatures(features);
  engine.restore(text);
  return engine;
}

class RunningFeatures implements FeatureEngine {
  readonly features: CompiledFeatureSet;
  readonly #indicators: readonly Indicator[];
  /** For each indicator, where its outputs begin in `#outputs`. */
  readonly #starts: Int32Array;
  readonly #outputs: Float64Array;
  #seen = 0;
  #openTime: number | null = null;

  constructor(features: CompiledFeatureSet) {
    this.features = features;
    this.#indicators = features.slots.map(({ spec, parameters }) => spec.create(...parameters));
    this.#starts = Int32Array.from(features.slots, (slot) => slot.at);
    this.#outputs = new Float64Array(features.outputs);
  }

  get seen(): number {
    return this.#seen;
  }

  get openTime(): number | null {
    return this.#openTime;
  }

  get isWarm(): boolean {
    return this.#seen >= this.features.warmUp;
  }

  add(bar: Bar): void {
    if (this.#openTime !== null && bar.openTime <= this.#openTime) {
      throw new Error(
        `bar ${bar.openTime} does not follow ${this.#openTime}; only the newest may be revised`,
      );
    }
    for (const indicator of this.#indicators) indicator.add(bar);
    // No further than matters: a state must not tell how long ago its series began.
    if (this.#seen < this.features.warmUp) this.#seen += 1;
    this.#openTime = bar.openTime;
  }

  replace(bar: Bar): void {
    if (bar.openTime !== this.#openTime) {
      throw new Error(
        `bar ${bar.openTime} cannot replace ${this.#openTime ?? 'nothing'}; only the newest may be revised`,
      );
    }
    for (const indicator of this.#indicators) indicator.replace(bar);
  }

  values(): (number | null)[] {
    const vector = new Float64Array(this.features.sources.length);
    this.writeTo(vector, 0);
    return Array.from(vector, (value) => (Number.isNaN(value) ? null : value));
  }

  writeTo(target: Float64Array, offset: number): void {
    const outputs = this.#outputs;
    const indicators = this.#indicators;
    for (let index = 0; index < indicators.length; index += 1) {
      indicators[index]!.write(outputs, this.#starts[index]!);
    }
    const sources = this.features.sources;
    for (let index = 0; index < sources.length; index += 1) {
      target[offset + index] = outputs[sources[index]!]!;
    }
  }

  state(): string {
    const indicators: Record<string, number[]> = {};
    for (const [index, slot] of this.features.slots.entries()) {
      const numbers: number[] = [];
      this.#indicators[index]!.save(numbers);
      indicators[slot.key] = numbers;
    }
    return JSON.stringify({
      format: STATE_FORMAT,
      set: this.features.id,
      seen: this.#seen,
      openTime: this.#openTime,
      indicators,
    });
  }

  restore(text: string): void {
    const { id, slots } = this.features;
    const saved = parseState(id, text);
    if (saved.format !== STATE_FORMAT || saved.set !== id) {
      throw invalid(
        id,
        `is ${saved.set} in layout ${saved.format}, not ${id} in layout ${STATE_FORMAT}`,
      );
    }
    const keys = Object.keys(saved.indicators).sort().join(' ');
    const expected = slots
      .map((slot) => slot.key)
      .sort()
      .join(' ');
    if (keys !== expected) throw invalid(id, `holds the indicators ${keys}, not ${expected}`);
    if (
      (saved.openTime === null) !== (saved.seen === 0) ||
      (saved.openTime !== null && !isEpochMs(saved.openTime))
    ) {
      throw invalid(id, `says ${saved.seen} bars up to ${saved.openTime}`);
    }
    for (const [index, slot] of slots.entries()) {
      const reader = new StateReader(slot.key, saved.indicators[slot.key] ?? []);
      this.#indicators[index]!.restore(reader);
      reader.finish();
    }
    this.#seen = saved.seen;
    this.#openTime = saved.openTime;
  }
}

function parseState(id: string, text: string): ReturnType<typeof SavedState.Parse> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw invalid(id, 'is not JSON', error);
  }
  if (!SavedState.Check(json)) throw invalid(id, 'does not have the shape of one');
  return json;
}

function invalid(id: string, problem: string, cause?: unknown): AppError {
  return new AppError(
    'WICK_ANALYZER_STATE_INVALID',
    `a saved feature state for ${id} ${problem}; rebuild the series from its candles`,
    { cause, details: { set: id } },
  );
}

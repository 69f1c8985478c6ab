/**
 * What every indicator must keep, registered once per indicator by its own test file. In: an
 * indicator's catalogue entry. Out: a suite over real candles, an outside oracle's values and
 * generated series. Values and states are compared bit for bit, save against the oracle.
 */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { describe, expect, it } from 'vitest';
import type { Bar } from '../../analyzer/features/bar.ts';
import {
  resolveParameters,
  resultOf,
  type Indicator,
  type IndicatorSpec,
  type Unit,
} from '../../analyzer/features/indicator.ts';
import { StateReader } from '../../analyzer/features/state-reader.ts';
import { anyBars, bitsOf, flatBars, realBars } from '../support/bars.ts';

const DAY_MS = 86_400_000;
const FIXTURES = new URL('../../analyzer/features/fixtures/', import.meta.url);

const Golden = Type.Array(
  Type.Object({
    indicator: Type.String(),
    parameters: Type.Record(Type.String(), Type.Number()),
    output: Type.String(),
    oracle: Type.String(),
    values: Type.Array(Type.Union([Type.Number(), Type.Null()])),
  }),
);

/** Registers the contract for the default parameters and for all that the oracle was asked. */
export function checkIndicatorContract(spec: IndicatorSpec): void {
  const golden = Value.Parse(Golden, readJson('golden.json')).filter(
    (row) => row.indicator === spec.name,
  );
  const variants = new Map<string, readonly number[]>();
  for (const named of [{}, ...golden.map((row) => row.parameters)]) {
    const parameters = resolveParameters(spec, named);
    variants.set([spec.name, ...parameters].join(':'), parameters);
  }
  describe(`${spec.name} agrees with an outside oracle`, () => {
    it('has oracle values for every output', () => {
      const covered = new Set(golden.map((row) => row.output));
      expect(
        spec.outputs.map((output) => output.name).filter((name) => !covered.has(name)),
      ).toEqual([]);
    });
    for (const row of golden) {
      const label = `${row.output} ${JSON.stringify(row.parameters)} equals ${row.oracle}`;
      it(label, () => checkOracle(spec, row));
    }
  });
  for (const [label, parameters] of variants) {
    describe(`${label} keeps the indicator contract`, () => {
      checkStreaming(spec, parameters);
      checkRobustness(spec, parameters);
      checkMemory(spec, parameters);
    });
  }
}

function checkOracle(spec: IndicatorSpec, row: Type.Static<typeof Golden>[number]): void {
  const bars = realBars();
  const index = spec.outputs.findIndex((output) => output.name === row.output);
  const unit = spec.outputs[index]?.unit ?? 'ratio';
  const largestVolume = Math.max(...bars.map((bar) => bar.volume ?? 0));
  const runs = run(spec, resolveParameters(spec, row.parameters), bars);
  const wrong = row.values.flatMap((expected, at) => {
    const actual = runs[at]?.values[index] ?? null;
    if (expected === null || actual === null)
      return expected === actual ? [] : [{ at, expected, actual }];
    const scale = scaleOf(unit, bars[at]?.close ?? 0, largestVolume);
    const limit = 1e-9 * Math.max(Math.abs(expected), scale);
    return Math.abs(actual - expected) <= limit ? [] : [{ at, expected, actual }];
  });
  expect(wrong).toEqual([]);
  expect(row.values).toHaveLength(bars.length);
}

function checkStreaming(spec: IndicatorSpec, parameters: readonly number[]): void {
  const bars = realBars();
  const reference = run(spec, parameters, bars);

  it('has its first value exactly at its warm-up, on real candles', () => {
    const firsts = spec.outputs.map(
      (_, index) => reference.findIndex((step) => step.values[index] !== null) + 1,
    );
    expect(firsts).toEqual(spec.warmUp(...parameters));
    const holes = reference.filter((step, at) =>
      step.values.some((value, index) => value === null && at + 1 >= firsts[index]!),
    );
    expect(holes).toEqual([]);
  });

  it('changes nothing when the newest bar is replaced by itself', () => {
    const indicator = spec.create(...parameters);
    for (const [at, bar] of bars.entries()) {
      indicator.add(bar);
      indicator.replace(bar);
      expect(snapshot(spec, indicator)).toEqual(reference[at]);
    }
  });

  it('keeps no trace of a value that was replaced', () => {
    const indicator = spec.create(...parameters);
    for (const [at, bar] of bars.entries()) {
      indicator.add({
        ...bar,
        high: bar.high * 3,
        low: bar.low / 7,
        close: bar.low / 5,
        volume: null,
      });
      indicator.replace({ ...bar, high: bar.high * 2, close: bar.high * 1.5, volume: 0 });
      indicator.replace(bar);
      expect(snapshot(spec, indicator)).toEqual(reference[at]);
    }
  });

  it('goes on with equal bits after being saved and restored at every bar, replace included', () => {
    let indicator = spec.create(...parameters);
    for (const [at, bar] of bars.entries()) {
      indicator.add({ ...bar, close: bar.low, volume: null });
      indicator = restored(spec, parameters, indicator);
      indicator.replace(bar);
      indicator = restored(spec, parameters, indicator);
      expect(snapshot(spec, indicator)).toEqual(reference[at]);
    }
  });

  it('does not look ahead: other candles later leave earlier values as they were', () => {
    const half = bars.length / 2;
    const others = bars.map((bar, at) =>
      at < half ? bar : { ...bar, high: bar.high * 2, close: bar.close * 1.7, volume: 1 },
    );
    const rerun = run(spec, parameters, others);
    expect(rerun.slice(0, half)).toEqual(reference.slice(0, half));
    expect(rerun.at(-1)).not.toEqual(reference.at(-1));
  });

  it('refuses a revision before the first bar', () => {
    expect(() => spec.create(...parameters).replace(bars[0]!)).toThrow('before any bar');
  });

  it('refuses a state that is cut short, too long or not finite', () => {
    const state = saved(fed(spec, parameters, bars));
    const damaged = [
      state.slice(0, -1),
      [...state, 1],
      [...state.slice(0, -1), NaN],
      [...state.slice(0, -1), -0],
    ];
    for (const numbers of damaged) {
      expect(() => {
        const reader = new StateReader(spec.name, numbers);
        spec.create(...parameters).restore(reader);
        reader.finish();
      }).toThrow('rebuild the series from its candles');
    }
  });
}

function checkRobustness(spec: IndicatorSpec, parameters: readonly number[]): void {
  it('stays finite, in range and exact on generated series with revisions and restarts', () => {
    fc.assert(
      fc.property(anyBars, fc.array(fc.nat(), { minLength: 1, maxLength: 20 }), (bars, choices) => {
        const plain = spec.create(...parameters);
        let busy = spec.create(...parameters);
        for (const [at, bar] of bars.entries()) {
          plain.add(bar);
          const choice = choices[at % choices.length]! % 3;
          if (choice === 0) busy.add(bar);
          else {
            busy.add(bars[choice % bars.length]!);
            if (choice === 1) busy = restored(spec, parameters, busy);
            busy.replace(bar);
          }
          const step = snapshot(spec, plain);
          expect(snapshot(spec, busy)).toEqual(step);
          expectSound(spec, step.values, saved(plain));
        }
      }),
      { numRuns: 40, seed: 20_250_601 },
    );
  });

  it('is exact on a flat series and does not mind absent volume', () => {
    for (const price of [1e-12, 0.1, 95_505.4, 1e15]) {
      for (const volume of [12.5, 0, null]) {
        const indicator = fed(spec, parameters, flatBars(price, 120, volume));
        const values = resultOf(indicator, spec.outputs.length);
        expectSound(spec, values, saved(indicator));
        for (const [index, value] of values.entries()) {
          const unit = spec.outputs[index]!.unit;
          if (value !== null && unit === 'price') expect([0, price]).toContain(value);
        }
      }
    }
  });

  it('recovers from a bar with unknown volume by the next UTC day', () => {
    const known = realBars();
    const gap = known.map((bar, at) => (at === 20 ? { ...bar, volume: null } : bar));
    const clean = run(spec, parameters, known);
    const holed = run(spec, parameters, gap);
    const midnight = known.findIndex((bar) => bar.openTime % DAY_MS === 0);
    const settled = midnight + Math.max(...spec.warmUp(...parameters));
    expect(holed.slice(settled).map((step) => step.bits)).toEqual(
      clean.slice(settled).map((step) => step.bits),
    );
  });
}

function checkMemory(spec: IndicatorSpec, parameters: readonly number[]): void {
  const bars = realBars();
  const reference = run(spec, parameters, bars);

  if (spec.memory === 'window') {
    it('depends on its last warm-up bars alone, to the bit', () => {
      const length = Math.max(...spec.warmUp(...parameters));
      for (let end = length; end <= bars.length; end += 7) {
        const indicator = fed(spec, parameters, bars.slice(end - length, end));
        expect(snapshot(spec, indicator)).toEqual(reference[end - 1]);
      }
    });
  }
  if (spec.memory === 'session') {
    it('depends on the bars of its UTC day alone, to the bit', () => {
      const midnight = bars.findIndex((bar) => bar.openTime % DAY_MS === 0);
      const today = run(spec, parameters, bars.slice(midnight));
      expect(today.map((step) => step.bits)).toEqual(
        reference.slice(midnight).map((step) => step.bits),
      );
    });
  }
}

interface Step {
  readonly values: readonly (number | null)[];
  readonly bits: string;
  readonly state: string;
}

function run(spec: IndicatorSpec, parameters: readonly number[], bars: readonly Bar[]): Step[] {
  const indicator = spec.create(...parameters);
  return bars.map((bar) => {
    indicator.add(bar);
    return snapshot(spec, indicator);
  });
}

function fed(spec: IndicatorSpec, parameters: readonly number[], bars: readonly Bar[]): Indicator {
  const indicator = spec.create(...parameters);
  for (const bar of bars) indicator.add(bar);
  return indicator;
}

/** Values and state with their bits; reading twice must not change anything. */
function snapshot(spec: IndicatorSpec, indicator: Indicator): Step {
  const raw = new Float64Array(spec.outputs.length);
  indicator.write(raw, 0);
  return {
    values: resultOf(indicator, raw.length),
    bits: bitsOf(raw),
    state: bitsOf(saved(indicator)),
  };
}

function saved(indicator: Indicator): number[] {
  const numbers: number[] = [];
  indicator.save(numbers);
  return numbers;
}

function restored(spec: IndicatorSpec, parameters: readonly number[], from: Indicator): Indicator {
  const text = JSON.stringify(saved(from));
  const reader = new StateReader(
    spec.name,
    Value.Parse(Type.Array(Type.Number()), JSON.parse(text)),
  );
  const indicator = spec.create(...parameters);
  indicator.restore(reader);
  reader.finish();
  return indicator;
}

function expectSound(
  spec: IndicatorSpec,
  values: readonly (number | null)[],
  state: readonly number[],
): void {
  const unsound = state.filter((number) => !Number.isFinite(number) || Object.is(number, -0));
  expect(unsound).toEqual([]);
  for (const [index, value] of values.entries()) {
    if (value === null) continue;
    const { name, min, max } = spec.outputs[index]!;
    const isSound = Number.isFinite(value) && !Object.is(value, -0);
    const isInRange =
      value >= (min ?? value) && value <= (max === null ? value : max * (1 + 1e-12));
    expect({ name, value, isSound, isInRange }).toEqual({
      name,
      value,
      isSound: true,
      isInRange: true,
    });
  }
}

function scaleOf(unit: Unit, close: number, largestVolume: number): number {
  switch (unit) {
    case 'price':
      return close;
    case 'percent':
      return 100;
    case 'ratio':
      return 1;
    case 'volume':
      return largestVolume;
    default:
      return unit satisfies never;
  }
}

function readJson(name: string): unknown {
  return JSON.parse(readFileSync(new URL(name, FIXTURES), 'utf8'));
}

import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { anyBars, bitsOf, flatBars, realBars } from '../../tests/support/bars.ts';
import { createFeatureEngine, restoreFeatureEngine, type FeatureEngine } from './engine.ts';
import { compileFeatureSet } from './feature-set.ts';
import { CORE_V1 } from './sets/core-v1.ts';

const CORE = compileFeatureSet(CORE_V1);

function vectorOf(engine: FeatureEngine): Float64Array {
  const vector = new Float64Array(CORE.names.length);
  engine.writeTo(vector, 0);
  return vector;
}

function fed(bars: ReturnType<typeof realBars>): FeatureEngine {
  const engine = createFeatureEngine(CORE);
  for (const bar of bars) engine.add(bar);
  return engine;
}

it('is warm exactly when the last feature gets its first value', () => {
  const engine = createFeatureEngine(CORE);
  const isComplete = realBars().map((bar) => {
    engine.add(bar);
    return { isWarm: engine.isWarm, complete: !engine.values().includes(null) };
  });
  expect(isComplete.findIndex((step) => step.isWarm)).toBe(CORE.warmUp - 1);
  expect(isComplete.every((step) => step.isWarm === step.complete)).toBe(true);
});

it('still computes the bits it computed when core.v1 was published', () => {
  const engine = createFeatureEngine(CORE);
  const hash = createHash('sha256');
  for (const bar of realBars()) {
    engine.add(bar);
    hash.update(bitsOf(vectorOf(engine)));
  }
  // Another hash means other bits: raise the revision of the indicator that changed them.
  expect(hash.digest('hex')).toBe(
    '109d1750d23130dcd95a2f8f7418f9eaf4301b81e8ced944274ba03aef4bf4cf',
  );
});

it('gives equal bits through any mix of revisions, saves and restores', () => {
  fc.assert(
    fc.property(anyBars, fc.array(fc.nat({ max: 3 }), { minLength: 1 }), (bars, choices) => {
      const plain = createFeatureEngine(CORE);
      let busy = createFeatureEngine(CORE);
      for (const [at, bar] of bars.entries()) {
        plain.add(bar);
        const choice = choices[at % choices.length]!;
        busy.add(choice === 0 ? bar : { ...bar, close: bar.low, volume: null });
        if (choice > 1) busy = restoreFeatureEngine(CORE, busy.state());
        busy.replace(bar);
        if (choice > 2) busy = restoreFeatureEngine(CORE, busy.state());
        expect(bitsOf(vectorOf(busy))).toBe(bitsOf(vectorOf(plain)));
        expect(busy.state()).toBe(plain.state());
      }
    }),
    { numRuns: 30, seed: 20_250_601 },
  );
});

it('writes into the middle of a larger array and agrees with the nullable values', () => {
  const engine = fed(realBars().slice(0, 30));
  const target = new Float64Array(CORE.names.length + 2).fill(-1);
  engine.writeTo(target, 1);
  expect([target[0], target.at(-1)]).toEqual([-1, -1]);
  expect(engine.values()).toEqual(
    Array.from(target.slice(1, -1), (value) => (Number.isNaN(value) ? null : value)),
  );
  expect(engine.values()[CORE.names.indexOf('sma_50')]).toBeNull();
});

it('says null, not a number, where a formula has no value although the set is warm', () => {
  const engine = fed(flatBars(100, 60, null));
  const missing = CORE.names.filter((_, index) => engine.values()[index] === null);
  expect(engine.isWarm).toBe(true);
  expect(missing).toEqual(['rsi_14', 'bb_percent_b', 'vwap_session', 'obv_session']);
});

it('refuses bars out of order and revisions of anything but the newest', () => {
  const [first, second] = realBars();
  const engine = createFeatureEngine(CORE);
  expect(() => engine.replace(first!)).toThrow('cannot replace nothing');
  engine.add(second!);
  const before = engine.state();
  expect(() => engine.add(first!)).toThrow('does not follow');
  expect(() => engine.add(second!)).toThrow('does not follow');
  expect(() => engine.replace(first!)).toThrow('only the newest may be revised');
  expect(engine.state()).toBe(before);
});

it('refuses a state of another set, version or layout and damaged texts, as an invalid state', () => {
  const text = fed(realBars()).state();
  const refused: Readonly<Record<string, string>> = {
    'is not JSON': text.slice(0, -1),
    'does not have the shape': text.replace('"seen":50', '"seen":"50"'),
    'is core.v2 in layout 2, not core.v1': text.replace('core.v1', 'core.v2'),
    'in layout 9': text.replace('"format":2', '"format":9'),
    'holds the indicators': text.replace('"rsi:14"', '"rsi:15"'),
    'says 0 bars': text.replace('"seen":50', '"seen":0'),
    'has numbers left over: 1': text.replace(/"ema:12":\[([^\]]*)\]/, '"ema:12":[$1,1]'),
    'ends too early': text.replace(/"ema:12":\[[^\]]*\]/, '"ema:12":[]'),
  };
  for (const [message, damaged] of Object.entries(refused)) {
    expect(() => restoreFeatureEngine(CORE, damaged)).toThrow(message);
    expect(() => restoreFeatureEngine(CORE, damaged)).toThrow(
      expect.objectContaining({ code: 'WICK_ANALYZER_STATE_INVALID' }),
    );
  }
});

it('counts the bars up to its warm-up, and knows when the newest opened', () => {
  const bars = realBars();
  const engine = fed(bars);
  const restored = restoreFeatureEngine(CORE, engine.state());
  expect([restored.seen, restored.openTime]).toEqual([CORE.warmUp, bars.at(-1)?.openTime]);
  expect([createFeatureEngine(CORE).seen, createFeatureEngine(CORE).openTime]).toEqual([0, null]);
  expect(restoreFeatureEngine(CORE, createFeatureEngine(CORE).state()).openTime).toBeNull();
});

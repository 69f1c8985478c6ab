import { expect, it } from 'vitest';
import { indicatorSpec, INDICATORS } from './catalogue.ts';
import { resolveParameters } from './indicator.ts';

it('lists every indicator once, in alphabetical order, each with a summary and outputs', () => {
  const names = INDICATORS.map((spec) => spec.name);
  expect(names).toEqual([...new Set(names)].sort());
  for (const spec of INDICATORS) {
    expect(spec.summary).not.toBe('');
    expect(spec.outputs.length).toBeGreaterThan(0);
    expect(spec.warmUp(...resolveParameters(spec, {}))).toHaveLength(spec.outputs.length);
  }
});

it('names what it knows when asked for something else', () => {
  expect(() => indicatorSpec('rsj')).toThrow('"rsj" is not an indicator; known are adx, atr');
});

it('fills in defaults and puts parameters into the declared order', () => {
  expect(resolveParameters(indicatorSpec('macd'), { signal: 5, fast: 6 })).toEqual([6, 26, 5]);
});

it('refuses unknown, fractional and out-of-range parameters, naming indicator and value', () => {
  const rsi = indicatorSpec('rsi');
  expect(() => resolveParameters(rsi, { length: 14 })).toThrow(
    'rsi has no parameter "length"; it has period',
  );
  expect(() => resolveParameters(rsi, { period: 14.5 })).toThrow(
    'rsi: period = 14.5 is not an integer from 2',
  );
  expect(() => resolveParameters(rsi, { period: 1 })).toThrow('rsi: period = 1 ');
  expect(() => resolveParameters(rsi, { period: NaN })).toThrow('rsi: period = NaN ');
  expect(() => resolveParameters(rsi, { period: 1001 })).toThrow('to 1000');
});

it('refuses a fast average that is not shorter than the slow one', () => {
  expect(() => indicatorSpec('macd').create(26, 26, 9)).toThrow('fast = 26 must be shorter');
});

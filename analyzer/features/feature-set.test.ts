import { expect, it } from 'vitest';
import { canonicalText, compileFeatureSet, type FeatureSet } from './feature-set.ts';
import { CORE_V1 } from './sets/core-v1.ts';

function setOf(...features: FeatureSet['features']): FeatureSet {
  return { name: 'trial', version: 3, features };
}

const RSI = { name: 'rsi_14', indicator: 'rsi', parameters: { period: 14 }, output: 'rsi' };

it('keeps the order and warm-ups of core.v1, which stored vectors rely on', () => {
  const { id, names, warmUps, warmUp } = compileFeatureSet(CORE_V1);
  expect(id).toBe('core.v1');
  expect(names.map((name, index) => `${name} ${warmUps[index]}`)).toEqual([
    'sma_20 20',
    'sma_50 50',
    'ema_12 12',
    'ema_26 26',
    'rsi_14 15',
    'macd 34',
    'macd_signal 34',
    'macd_hist 34',
    'bb_middle 20',
    'bb_upper 20',
    'bb_lower 20',
    'bb_percent_b 20',
    'atr_14 15',
    'adx_14 28',
    'plus_di_14 15',
    'minus_di_14 15',
    'vwap_session 1',
    'obv_session 1',
    'return_1 2',
    'log_return_1 2',
    'volatility_20 21',
  ]);
  expect(warmUp).toBe(50);
});

it('runs features that differ only in the output on one indicator', () => {
  const { slots, outputs } = compileFeatureSet(CORE_V1);
  expect(slots.map((slot) => slot.key).filter((key) => /macd|boll|adx/.test(key))).toEqual([
    'macd:12:26:9',
    'bollinger:20:2',
    'adx:14',
  ]);
  expect(outputs).toBe(21);
});

it('writes one canonical text, whatever the spelling of equal sets', () => {
  const text = canonicalText(setOf(RSI));
  expect(text).toBe(
    '{"features":[{"indicator":"rsi","name":"rsi_14","output":"rsi","parameters":{"period":14},' +
      '"revision":1}],"name":"trial","version":3}',
  );
  expect(canonicalText(setOf({ ...RSI, parameters: {} }))).toBe(text);
  expect(canonicalText(setOf({ ...RSI, parameters: { period: 15 } }))).not.toBe(text);
});

it('refuses a broken set by set, feature and reason', () => {
  const refused =
    (...features: FeatureSet['features']) =>
    () =>
      compileFeatureSet(setOf(...features));
  expect(refused()).toThrow('trial.v3 has 0 features');
  expect(refused(RSI, RSI)).toThrow('trial.v3: feature "rsi_14" appears twice');
  expect(refused({ ...RSI, name: 'RSI' })).toThrow('"RSI" is not lower snake case');
  expect(refused({ ...RSI, indicator: 'rsj' })).toThrow(
    'feature "rsi_14": "rsj" is not an indicator',
  );
  expect(refused({ ...RSI, output: 'value' })).toThrow('rsi has no output "value"; it has rsi');
  expect(refused({ ...RSI, parameters: { period: 0 } })).toThrow(
    'feature "rsi_14": rsi: period = 0',
  );
  expect(() => compileFeatureSet({ ...CORE_V1, version: 0 })).toThrow(
    '"core.v0" is not a feature set id',
  );
});

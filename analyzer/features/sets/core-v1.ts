/**
 * The first feature set: trend, momentum, spread, volume and returns of one series. Stored vectors
 * are read by position, so this list never changes; what should differ goes into a new version.
 */
import type { FeatureSet } from '../feature-set.ts';

/** `core.v1`, 21 features, complete after 50 candles. */
export const CORE_V1: FeatureSet = {
  name: 'core',
  version: 1,
  features: [
    { name: 'sma_20', indicator: 'sma', parameters: { period: 20 }, output: 'sma' },
    { name: 'sma_50', indicator: 'sma', parameters: { period: 50 }, output: 'sma' },
    { name: 'ema_12', indicator: 'ema', parameters: { period: 12 }, output: 'ema' },
    { name: 'ema_26', indicator: 'ema', parameters: { period: 26 }, output: 'ema' },
    { name: 'rsi_14', indicator: 'rsi', parameters: { period: 14 }, output: 'rsi' },
    macd('macd', 'macd'),
    macd('macd_signal', 'signal'),
    macd('macd_hist', 'hist'),
    bollinger('bb_middle', 'middle'),
    bollinger('bb_upper', 'upper'),
    bollinger('bb_lower', 'lower'),
    bollinger('bb_percent_b', 'percent_b'),
    { name: 'atr_14', indicator: 'atr', parameters: { period: 14 }, output: 'atr' },
    { name: 'adx_14', indicator: 'adx', parameters: { period: 14 }, output: 'adx' },
    { name: 'plus_di_14', indicator: 'adx', parameters: { period: 14 }, output: 'plus_di' },
    { name: 'minus_di_14', indicator: 'adx', parameters: { period: 14 }, output: 'minus_di' },
    { name: 'vwap_session', indicator: 'vwap_session', parameters: {}, output: 'vwap' },
    { name: 'obv_session', indicator: 'obv_session', parameters: {}, output: 'obv' },
    { name: 'return_1', indicator: 'simple_return', parameters: { period: 1 }, output: 'return' },
    {
      name: 'log_return_1',
      indicator: 'log_return',
      parameters: { period: 1 },
      output: 'log_return',
    },
    {
      name: 'volatility_20',
      indicator: 'realised_volatility',
      parameters: { period: 20 },
      output: 'volatility',
    },
  ],
};

function macd(name: string, output: string): FeatureSet['features'][number] {
  return { name, indicator: 'macd', parameters: { fast: 12, slow: 26, signal: 9 }, output };
}

function bollinger(name: string, output: string): FeatureSet['features'][number] {
  return { name, indicator: 'bollinger', parameters: { period: 20, deviations: 2 }, output };
}

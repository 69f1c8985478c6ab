/**
 * A feature set and rules for tests: complete after four candles, so that short series reach every
 * status, with features that remember (averages, sessions) and rules that look at the candle before.
 */
import { compileFeatureSet } from '../../analyzer/features/feature-set.ts';
import { compileRuleSet, parseRuleSet } from '../../analyzer/signals/rule-set.ts';

const FEATURES = compileFeatureSet({
  name: 'trial',
  version: 1,
  features: [
    { name: 'sma_4', indicator: 'sma', parameters: { period: 4 }, output: 'sma' },
    { name: 'ema_3', indicator: 'ema', parameters: { period: 3 }, output: 'ema' },
    { name: 'atr_3', indicator: 'atr', parameters: { period: 3 }, output: 'atr' },
    { name: 'vwap_session', indicator: 'vwap_session', parameters: {}, output: 'vwap' },
    { name: 'obv_session', indicator: 'obv_session', parameters: {}, output: 'obv' },
    { name: 'return_1', indicator: 'simple_return', parameters: { period: 1 }, output: 'return' },
  ],
});

const RULES = {
  name: 'trial',
  version: 1,
  description: 'For tests.',
  featureSet: 'trial.v1',
  thresholds: { long: 0.5, short: 0.5, margin: 0.1 },
  conditions: [
    {
      name: 'crossed_up',
      direction: 'long',
      weight: 1,
      why: 'Looks at the candle before.',
      all: [{ left: 'bar.close', operator: 'crosses_above', right: 'sma_4' }],
    },
    {
      name: 'bought',
      direction: 'long',
      weight: 1,
      why: 'Remembers the whole session.',
      all: [{ left: 'obv_session', operator: 'gt', right: 0 }],
    },
    {
      name: 'crossed_down',
      direction: 'short',
      weight: 1,
      why: 'Looks at the candle before.',
      all: [{ left: 'bar.close', operator: 'crosses_below', right: 'ema_3' }],
    },
  ],
};

export const TRIAL_RULES = compileRuleSet(
  parseRuleSet(JSON.stringify(RULES), 'trial.json'),
  FEATURES,
  'trial.json',
);

/** Looks back three candles and no further, so that the mark of a late change is soon gone. */
export const SHORT_RULES = compileRuleSet(
  parseRuleSet(
    JSON.stringify({
      name: 'short',
      version: 1,
      description: 'For tests.',
      featureSet: 'short.v1',
      thresholds: { long: 0.5, short: 0.5, margin: 0.1 },
      conditions: (['long', 'short'] as const).map((direction) => ({
        name: direction,
        direction,
        weight: 1,
        why: 'Looks at the candle before.',
        all: [
          {
            left: 'bar.close',
            operator: direction === 'long' ? 'crosses_above' : 'crosses_below',
            right: 'sma_3',
          },
        ],
      })),
    }),
    'short.json',
  ),
  compileFeatureSet({
    name: 'short',
    version: 1,
    features: [{ name: 'sma_3', indicator: 'sma', parameters: { period: 3 }, output: 'sma' }],
  }),
  'short.json',
);

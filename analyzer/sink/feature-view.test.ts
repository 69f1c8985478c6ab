import { describe, expect, test } from 'vitest';
import type { FeatureSet } from '../features/feature-set.ts';
import { CORE_V1 } from '../features/sets/core-v1.ts';
import { featureViewName, featureViewSql } from './feature-view.ts';

function setOf(name: string, ...features: string[]): FeatureSet {
  return {
    name,
    version: 2,
    features: features.map((feature) => ({
      name: feature,
      indicator: 'sma',
      parameters: { period: 2 },
      output: 'sma',
    })),
  };
}

test('a view is named after its set and version', () => {
  expect(featureViewName(CORE_V1)).toBe('v_features_core_v1');
});

test('a view names the values of its set by their places, which begin at 1', () => {
  expect(featureViewSql(setOf('trend', 'sma_2', 'slow'))).toBe(
    `create or replace view v_features_trend_v2 as
  select exchange, market_type, symbol, interval, open_time, status,
         arrayElement(values, 1) as sma_2,
         arrayElement(values, 2) as slow
  from features final
  where feature_set = 'trend' and feature_set_version = 2`,
  );
});

test('every feature of core.v1 has a column', () => {
  const sql = featureViewSql(CORE_V1);
  const columns = [...sql.matchAll(/arrayElement\(values, (\d+)\) as (\w+)/g)];
  expect(columns.map(([, place, name]) => [Number(place), name])).toEqual(
    CORE_V1.features.map(({ name }, index) => [index + 1, name]),
  );
});

describe('a name that could not be a column is refused', () => {
  test.each(['', 'SMA', '2fast', 'a b', 'a;drop table x', 'a-b', "a'", 'é'])('"%s"', (name) => {
    expect(() => featureViewSql(setOf('trend', 'sma_2', name))).toThrow(
      `"${name}" cannot be a column name`,
    );
    expect(() => featureViewSql(setOf(name, 'sma_2'))).toThrow(RangeError);
  });
});

/** The view of a feature set: its vector as named columns. A new set needs no change of any table. */
import type { FeatureSet } from '../features/feature-set.ts';

const NAME = /^[a-z][a-z0-9_]*$/;

/** `v_features_core_v1`. */
export function featureViewName(set: Pick<FeatureSet, 'name' | 'version'>): string {
  return `v_features_${set.name}_v${set.version}`;
}

/** @throws RangeError when a name could not be a column. */
export function featureViewSql(set: FeatureSet): string {
  for (const { name } of [set, ...set.features]) {
    if (!NAME.test(name)) throw new RangeError(`"${name}" cannot be a column name`);
  }
  const columns = set.features.map(
    ({ name }, index) => `arrayElement(values, ${index + 1}) as ${name}`,
  );
  return `create or replace view ${featureViewName(set)} as
  select exchange, market_type, symbol, interval, open_time, status,
         ${columns.join(',\n         ')}
  from features final
  where feature_set = '${set.name}' and feature_set_version = ${set.version}`;
}

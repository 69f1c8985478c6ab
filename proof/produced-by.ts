/**
 * Which rows of `features` and `signals` are those of one feature set, rule set and model. In: the
 * producer, as parameters. Out: conditions. Rows of other sets and versions stay in the tables; they
 * are no one's rows here.
 */

/** A row of `features`. */
export const OF_FEATURE_SET = `feature_set = {featureSet:String}
  and feature_set_version = {featureSetVersion:UInt16}`;

/** A row of `signals`. */
export const OF_RULE_SET = `${OF_FEATURE_SET} and rule_set = {ruleSet:String}
  and rule_set_version = {ruleSetVersion:UInt16} and model_version = {modelVersion:String}`;

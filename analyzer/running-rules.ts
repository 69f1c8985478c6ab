/**
 * The rules that the analyzer runs, with the feature set that they are about. In: the rule file. Out:
 * the rules, compiled, and the names that their rows carry. Whoever asks what the analyzer should
 * have written reads them here too.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalText, compileFeatureSet } from './features/feature-set.ts';
import { CORE_V1 } from './features/sets/core-v1.ts';
import { compileRuleSet, parseRuleSet, type CompiledRuleSet } from './signals/rule-set.ts';
import type { Producer } from './sink/tables.ts';

const RULE_FILE = join(import.meta.dirname, '..', 'rules', 'core-trend.json');

/** @throws AppError WICK_CONFIG_INVALID when the file is not a rule set that fits the features. */
export async function readRunningRules(): Promise<CompiledRuleSet> {
  const text = await readFile(RULE_FILE, 'utf8');
  return compileRuleSet(parseRuleSet(text, RULE_FILE), compileFeatureSet(CORE_V1), RULE_FILE);
}

/** What the rows say about the code that made them. */
export function producerOf({ ruleSet, features }: CompiledRuleSet): Producer {
  return {
    featureSet: features.set.name,
    featureSetVersion: features.set.version,
    featureSetHash: createHash('sha256').update(canonicalText(features.set)).digest('hex'),
    ruleSet: ruleSet.name,
    ruleSetVersion: ruleSet.version,
    modelVersion: '',
  };
}

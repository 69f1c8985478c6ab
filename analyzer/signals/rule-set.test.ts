import { readdirSync, readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { describe, expect, it } from 'vitest';
import { barAt } from '../../tests/support/bars.ts';
import { createFeatureEngine } from '../features/engine.ts';
import { compileFeatureSet } from '../features/feature-set.ts';
import { CORE_V1 } from '../features/sets/core-v1.ts';
import { compileRuleSet, createFrame, fillFrame, parseRuleSet, RuleSetSchema } from './rule-set.ts';

const CORE = compileFeatureSet(CORE_V1);
const RULES = new URL('../../rules/', import.meta.url);

function condition(changes: object = {}): object {
  return {
    name: 'up',
    direction: 'long',
    weight: 1,
    why: 'It rises.',
    all: [{ left: 'rsi_14', operator: 'gt', right: 50 }],
    ...changes,
  };
}

function ruleText(changes: object = {}, ...conditions: readonly object[]): string {
  const short = condition({ name: 'down', direction: 'short' });
  return JSON.stringify({
    name: 'trial',
    version: 1,
    description: 'For a test.',
    featureSet: 'core.v1',
    thresholds: { long: 0.6, short: 0.6, margin: 0.2 },
    conditions: [...(conditions.length > 0 ? conditions : [condition()]), short],
    ...changes,
  });
}

function compile(text: string) {
  return compileRuleSet(parseRuleSet(text, 'trial.json'), CORE, 'trial.json');
}

describe('the rule files of the repository', () => {
  const files = readdirSync(RULES).filter(
    (file) => file.endsWith('.json') && file !== 'rule-set.schema.json',
  );
  const schema = Value.Parse(
    Type.Record(Type.String(), Type.Unknown()),
    JSON.parse(readFileSync(new URL('rule-set.schema.json', RULES), 'utf8')),
  );

  it('come with a schema file that says what the code checks', () => {
    // Write JSON.stringify(RuleSetSchema) to rules/rule-set.schema.json after a change of the format.
    expect(schema).toEqual(JSON.parse(JSON.stringify(RuleSetSchema)));
    expect(files.length).toBeGreaterThan(0);
  });

  it.each(files)('%s follows the schema, compiles and is named like its file', (file) => {
    const text = readFileSync(new URL(file, RULES), 'utf8');
    const validate = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(schema);
    expect(validate(JSON.parse(text)) ? [] : validate.errors).toEqual([]);
    const rules = compileRuleSet(parseRuleSet(text, file), CORE, file);
    expect(`${rules.ruleSet.name}.json`).toBe(file);
  });
});

describe('a rule file', () => {
  it('is laid out with every operand at a place of the frame and constants filled in', () => {
    const rules = compile(
      ruleText(
        {},
        condition({ weight: 3 }),
        condition({
          name: 'inside',
          all: [{ left: 'bar.close', operator: 'between', low: 'bb_lower', high: 2.5 }],
        }),
      ),
    );
    const frame = createFrame(rules);
    const [first, second] = rules.conditions;
    expect(rules.id).toBe('trial.v1');
    expect(first?.contribution).toBe(0.75);
    expect(first?.tests[0]?.left).toBe(CORE.names.indexOf('rsi_14'));
    expect(frame[first!.tests[0]!.right]).toBe(50);
    expect(second?.tests[0]?.left).toBe(CORE.names.length + 3);
    expect(second?.tests[0]?.right).toBe(CORE.names.indexOf('bb_lower'));
    expect(frame[second!.tests[0]!.high]).toBe(2.5);
    expect(frame.slice(0, CORE.names.length + 5).every((value) => Number.isNaN(value))).toBe(true);
  });

  it('sees the vector and the bar in its frame, a missing volume as missing', () => {
    const rules = compile(ruleText());
    const engine = createFeatureEngine(CORE);
    const frame = createFrame(rules);
    const bar = barAt(0, { open: 2, high: 4, low: 1, close: 3, volume: null });
    engine.add(bar);
    fillFrame(rules, frame, engine, bar);
    const seen = Array.from(frame.slice(0, CORE.names.length), (value) =>
      Number.isNaN(value) ? null : value,
    );
    expect(seen).toEqual(engine.values());
    expect(Array.from(frame.subarray(CORE.names.length, CORE.names.length + 5))).toEqual([
      2,
      4,
      1,
      3,
      NaN,
    ]);
    fillFrame(rules, frame, engine, { ...bar, volume: 7 });
    expect(frame[CORE.names.length + 4]).toBe(7);
  });

  it('says whether it looks at the candle before', () => {
    const crossing = { left: 'ema_12', operator: 'crosses_above', right: 'ema_26' };
    expect(compile(ruleText()).usesPrevious).toBe(false);
    expect(compile(ruleText({}, condition({ all: [crossing] }))).usesPrevious).toBe(true);
  });

  it.each([
    ['is not JSON', '{'],
    [
      '/conditions/0/all/0',
      ruleText({}, condition({ all: [{ left: 'rsi_14', operator: 'above', right: 1 }] })),
    ],
    ['/conditions/0/weight', ruleText({}, condition({ weight: 0 }))],
    ['/conditions/0/all', ruleText({}, condition({ all: [] }))],
    ['/thresholds/long', ruleText({ thresholds: { long: 1.5, short: 0.5, margin: 0 } })],
    ['additional', ruleText({ colour: 'red' })],
    [
      'condition "up" uses "rsi_15", which is neither a feature of core.v1',
      ruleText({}, condition({ all: [{ left: 'rsi_15', operator: 'gt', right: 1 }] })),
    ],
    [
      'uses "bar.vwap"',
      ruleText({}, condition({ all: [{ left: 1, operator: 'gt', right: 'bar.vwap' }] })),
    ],
    ['is written for the feature set core.v2, not core.v1', ruleText({ featureSet: 'core.v2' })],
    ['has two conditions named "down"', ruleText({}, condition({ name: 'down' }))],
    ['has no condition for long', ruleText({}, condition({ direction: 'short' }))],
  ])('is refused by name and place: %s', (message, text) => {
    expect(() => compile(text)).toThrow(message);
    expect(() => compile(text)).toThrow(expect.objectContaining({ code: 'WICK_CONFIG_INVALID' }));
    expect(() => compile(text)).toThrow('rule file trial.json');
  });
});

/**
 * The schema guard: today's contracts against every version that was ever published, and against their
 * twins for people. It fails in CI before an incompatible change can reach a registry.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { describe, expect, test } from 'vitest';
import { incompatibilities } from './compatibility.ts';
import { CONTRACT_NAMES, readContract, readHistory } from './contract.ts';
import { jsonSchemaOf } from './json-schema.ts';

const SCHEMAS = join(import.meta.dirname, '..', 'schemas');

const Record = Type.Object({
  doc: Type.String({ minLength: 10 }),
  namespace: Type.String(),
  fields: Type.Array(
    Type.Object({
      name: Type.String({ pattern: '^[a-z][a-z_]*$' }),
      doc: Type.String({ minLength: 10 }),
    }),
  ),
});

describe.each(CONTRACT_NAMES)('%s', (name) => {
  const { text, topic, subject } = readContract(name);
  const history = readHistory(name);

  test('is today what was published last; a change adds a file to its history', () => {
    expect(history.at(-1)).toBe(text);
    const files = readdirSync(join(SCHEMAS, 'history', name));
    expect(files.sort()).toEqual(history.map((_, index) => `${index + 1}.avsc`).sort());
  });

  test('reads and is read by every version that was ever published', () => {
    const found = history.flatMap((older, index) =>
      incompatibilities(older, text).map((problem) => `version ${index + 1}: ${problem}`),
    );
    expect(found).toEqual([]);
  });

  test('is named for its topic, and says what each field is', () => {
    expect(topic).toBe(`wickstream.${name}`);
    expect(subject).toBe(`${topic}-value`);
    const record = Value.Parse(Record, JSON.parse(text));
    expect(record.namespace).toBe(topic);
  });

  test('has a twin in JSON Schema that says the same', () => {
    const twin: unknown = JSON.parse(readFileSync(join(SCHEMAS, `${name}.schema.json`), 'utf8'));
    expect(twin).toEqual(jsonSchemaOf(text));
  });
});

describe('the guard', () => {
  const { text } = readContract('features.v1');
  const changed = (from: string, to: string): string => {
    expect(text).toContain(from);
    return text.replace(from, to);
  };

  test.each<[string, string, string, RegExp]>([
    [
      'a field of another type',
      '"name":"symbol","type":"string"',
      '"name":"symbol","type":"int"',
      /read/,
    ],
    ['a field that was renamed', '"name":"symbol"', '"name":"pair"', /symbol|pair/],
    [
      'a new field without a default',
      '"fields":[',
      '"fields":[{"name":"more","type":"string","doc":"x"},',
      /today's reader cannot read old messages/,
    ],
    [
      'a price of another scale',
      '"precision":38,"scale":18',
      '"precision":38,"scale":8',
      /close was decimal\(38,18\)/,
    ],
    [
      'a time that is microseconds now',
      'timestamp-millis',
      'timestamp-micros',
      /ts_event was timestamp-millis/,
    ],
  ])('refuses %s', (_, from, to, problem) => {
    const found = incompatibilities(text, changed(from, to));
    expect(found.join('\n')).toMatch(problem);
  });

  test('refuses that a field without a default goes', () => {
    const without = text.replace(/\{"name":"symbol"[^}]*\},/, '');
    expect(without).not.toBe(text);
    expect(incompatibilities(text, without).join()).toMatch(/an old reader cannot read/);
  });

  test('lets a new field with a default in', () => {
    const more = '"fields":[{"name":"more","type":["null","string"],"default":null,"doc":"x"},';
    expect(incompatibilities(text, changed('"fields":[', more))).toEqual([]);
  });
});

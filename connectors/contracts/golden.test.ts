/**
 * The contract tester: messages of every version that was ever published, as an analyzer sent them, read by
 * today's readers and by a reader of their own version. What they said must still be what is read.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { describe, expect, test } from 'vitest';
import { testFixturesAreListed } from '../../tests/support/listed-fixtures.ts';
import { avroType, CONTRACT_NAMES, readContract, readHistory } from './contract.ts';
import { jsonSchemaOf } from './json-schema.ts';
import { unframed } from './wire.ts';

const FIXTURES = join(import.meta.dirname, 'fixtures');

testFixturesAreListed(FIXTURES);

const Golden = Type.Object({
  key: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  hex: Type.String(),
  value: Type.Record(Type.String(), Type.Unknown()),
});

function goldenOf(name: string, version: number) {
  return readFileSync(join(FIXTURES, `${name}.${version}.jsonl`), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => Value.Parse(Golden, JSON.parse(line)));
}

/** A record without its class. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

const VERSIONS = CONTRACT_NAMES.flatMap((name) =>
  readHistory(name).map((text, index) => ({ name, version: index + 1, text })),
);

describe.each(VERSIONS)('messages of $name, version $version', ({ name, version, text }) => {
  const golden = goldenOf(name, version);
  const today = readContract(name).text;

  test("are read by today's reader as what they said", () => {
    const [reader, writer] = [avroType(today), avroType(text)];
    const resolver = reader.createResolver(writer);
    expect(golden.length).toBeGreaterThanOrEqual(3);
    for (const { hex, value } of golden) {
      const { avro } = unframed(Buffer.from(hex, 'hex'));
      expect(plain(reader.fromBuffer(avro, resolver))).toMatchObject(value);
    }
  });

  test('are what their own version writes, to the byte', () => {
    const type = avroType(text);
    for (const { hex, value } of golden) {
      const { avro } = unframed(Buffer.from(hex, 'hex'));
      expect(plain(type.fromBuffer(avro))).toEqual(value);
      expect(type.toBuffer(value).toString('hex')).toBe(avro.toString('hex'));
    }
  });

  test('keep the JSON Schema of their version', () => {
    const ajv = new Ajv2020({ formats: { 'utc-millisec': true } });
    const validate = ajv.compile(jsonSchemaOf(text));
    for (const { value } of golden) {
      validate(value);
      expect(validate.errors).toBeNull();
    }
    expect(validate({ ...golden[0]!.value, close: 94_500.5 })).toBe(false);
  });

  test('show every status that is told', () => {
    const shown = new Set(golden.map(({ value }) => String(value['status'])));
    const told =
      name === 'features.v1' ? ['warming', 'active', 'retracted'] : ['active', 'retracted'];
    expect([...shown].sort()).toEqual(told.sort());
  });
});

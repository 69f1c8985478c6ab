/**
 * Whether two versions of a schema may follow one another. In: their texts. Out: what is in the way, in
 * words. It is held against each other in both directions: a reader of either must read what the other
 * wrote, since topics keep old messages and consumers change when they like.
 */
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { errorText } from '#core/errors.ts';
import { avroType } from './contract.ts';

/** What keeps a reader of one from what a writer of the other wrote; empty where nothing does. */
export function incompatibilities(older: string, newer: string): string[] {
  const problems = [
    ...resolutionProblem("today's reader cannot read old messages", newer, older),
    ...resolutionProblem("an old reader cannot read today's messages", older, newer),
  ];
  const before = logicalTypes(JSON.parse(older));
  // Avro resolves bytes with bytes: that a price is now of another scale it would not see.
  for (const [path, logical] of logicalTypes(JSON.parse(newer))) {
    const was = before.get(path);
    if (was !== undefined && was !== logical) problems.push(`${path} was ${was}, is ${logical}`);
  }
  return problems;
}

function resolutionProblem(what: string, reader: string, writer: string): string[] {
  try {
    avroType(reader).createResolver(avroType(writer));
    return [];
  } catch (error) {
    return [`${what}: ${errorText(error)}`];
  }
}

const Fields = Type.Object({
  fields: Type.Array(Type.Object({ name: Type.String(), type: Type.Unknown() })),
});
const Logical = Type.Object({
  logicalType: Type.String(),
  precision: Type.Optional(Type.Integer()),
  scale: Type.Optional(Type.Integer()),
});

/** The logical type of each field as a text, "none" where it has none. */
function logicalTypes(schema: unknown): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  if (!Value.Check(Fields, schema)) return found;
  for (const { name, type } of schema.fields) {
    const branches: unknown[] = Array.isArray(type) ? type : [type];
    const logical = branches.find((branch) => Value.Check(Logical, branch));
    found.set(
      name,
      Value.Check(Logical, logical)
        ? `${logical.logicalType}(${logical.precision ?? ''},${logical.scale ?? 0})`
        : 'none',
    );
  }
  return found;
}

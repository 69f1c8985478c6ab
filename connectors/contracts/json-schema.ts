/**
 * The twin of an Avro schema for people and for tools that read JSON: what a message says once it is read,
 * decimals as texts, times as integer milliseconds. In: the Avro schema. Out: a JSON Schema, the same for
 * the same input; the committed twins are held against it by a test.
 */
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';

const Complex = Type.Object({
  type: Type.String(),
  logicalType: Type.Optional(Type.String()),
  precision: Type.Optional(Type.Integer()),
  scale: Type.Optional(Type.Integer()),
  items: Type.Optional(Type.Unknown()),
  values: Type.Optional(Type.Unknown()),
});
const ComplexCheck = Compile(Complex);

const RecordCheck = Compile(
  Type.Object({
    namespace: Type.String(),
    name: Type.String(),
    doc: Type.String(),
    fields: Type.Array(
      Type.Object({
        name: Type.String(),
        doc: Type.String(),
        type: Type.Unknown(),
        default: Type.Optional(Type.Unknown()),
      }),
    ),
  }),
);

const PRIMITIVES: Readonly<Record<string, object>> = {
  null: { type: 'null' },
  boolean: { type: 'boolean' },
  int: { type: 'integer', minimum: -(2 ** 31), maximum: 2 ** 31 - 1 },
  long: { type: 'integer' },
  double: { type: 'number' },
  string: { type: 'string' },
};

/** @throws RangeError for a part of Avro that no contract uses. */
export function jsonSchemaOf(text: string): object {
  const schema: unknown = JSON.parse(text);
  if (!RecordCheck.Check(schema)) throw new RangeError('a contract is a record with docs');
  const { namespace, name, doc, fields } = schema;
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: `urn:wickstream:${namespace}.${name}`,
    title: `${namespace}.${name}`,
    description: doc,
    type: 'object',
    properties: Object.fromEntries(
      fields.map((field) => [field.name, { description: field.doc, ...jsonTypeOf(field.type) }]),
    ),
    required: fields.map((field) => field.name),
  };
}

function jsonTypeOf(type: unknown): object {
  if (typeof type === 'string' && PRIMITIVES[type] !== undefined) return PRIMITIVES[type];
  if (Array.isArray(type)) {
    const branches: unknown[] = type;
    return { anyOf: branches.map(jsonTypeOf) };
  }
  if (!ComplexCheck.Check(type)) throw new RangeError(`no JSON for ${JSON.stringify(type)}`);
  if (type.logicalType === 'decimal') return decimalOf(type.precision ?? 0, type.scale ?? 0);
  if (type.logicalType === 'timestamp-millis') {
    return { type: 'integer', format: 'utc-millisec' };
  }
  if (type.type === 'array') return { type: 'array', items: jsonTypeOf(type.items) };
  if (type.type === 'map') {
    return { type: 'object', additionalProperties: jsonTypeOf(type.values) };
  }
  throw new RangeError(`no JSON for ${JSON.stringify(type)}`);
}

function decimalOf(precision: number, scale: number): object {
  const fraction = scale === 0 ? '' : `(\\.[0-9]{1,${scale}})?`;
  return { type: 'string', pattern: `^-?[0-9]{1,${precision - scale}}${fraction}$` };
}

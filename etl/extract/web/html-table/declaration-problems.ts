/**
 * What is wrong with the form of a declaration, for whoever wrote it. In: JSON that the schema refuses. Out:
 * sentences that name the field, what it says, and what it may say. Where a field may have several forms,
 * the one that was meant is told from what is there, so that nobody reads complaints about the others.
 */
import { Type, type TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import {
  CELL_BY_NUMBER,
  CELL_BY_SELECTOR,
  DATES,
  DECLARATION_SCHEMA,
} from './declaration-schema.ts';

const PROBLEMS_MAX = 5;
const SHOWN_CHARACTERS = 60;

/** Fields of several forms are looked at one by one. */
const OUTER = Compile(
  Type.Object(
    {
      ...DECLARATION_SCHEMA.properties,
      symbol: Type.Optional(Type.Unknown()),
      rate: Type.Unknown(),
      nominal: Type.Optional(Type.Unknown()),
      date: Type.Unknown(),
    },
    { additionalProperties: false },
  ),
);
const DATE_OF_ROW = Type.Object(
  { ...DATES.row.properties, cell: Type.Unknown() },
  { additionalProperties: false },
);

/** At least one sentence. */
export function formProblems(json: unknown): string[] {
  const problems = errorsOf(OUTER, json, '', DECLARATION_SCHEMA);
  if (isRecord(json)) {
    for (const field of ['symbol', 'rate', 'nominal']) {
      if (json[field] !== undefined) problems.push(...cellProblems(field, json[field]));
    }
    if (json['date'] !== undefined) problems.push(...dateProblems(json['date']));
  }
  const some = [...new Set(problems)].slice(0, PROBLEMS_MAX);
  return some.length > 0 ? some : ['it is not of the form that docs/adding-a-web-source.md shows'];
}

function cellProblems(field: string, value: unknown): string[] {
  if (!isRecord(value)) {
    return [`"${field}" is ${shown(value)}; write {"cell": 2} or {"selector": "td.rate"}`];
  }
  const form = 'selector' in value ? CELL_BY_SELECTOR : CELL_BY_NUMBER;
  if (!('selector' in value) && !('cell' in value)) {
    return [`"${field}" is ${shown(value)}; write {"cell": 2} or {"selector": "td.rate"}`];
  }
  return errorsOf(Compile(form), value, field, form);
}

function dateProblems(value: unknown): string[] {
  const from = isRecord(value) ? value['from'] : undefined;
  if (from === 'url') return errorsOf(Compile(DATES.url), value, 'date', DATES.url);
  if (from === 'page') return errorsOf(Compile(DATES.page), value, 'date', DATES.page);
  if (from === 'row' && isRecord(value)) {
    const cell = value['cell'] === undefined ? [] : cellProblems('date.cell', value['cell']);
    return [...errorsOf(Compile(DATE_OF_ROW), value, 'date', DATES.row), ...cell];
  }
  const said = from === undefined ? `is ${shown(value)}` : `has "from": ${shown(from)}`;
  return [
    `"date" ${said}; write {"from": "url"}, {"from": "page", "selector": …, "format": "DD.MM.YYYY"} ` +
      'or {"from": "row", "cell": …, "format": …}',
  ];
}

interface Complaint {
  readonly keyword: string;
  readonly instancePath: string;
  readonly message: string;
  readonly params: object;
}

function errorsOf(
  validator: { readonly Errors: (value: unknown) => Iterable<Complaint> },
  value: unknown,
  prefix: string,
  schema: TSchema,
): string[] {
  return [...validator.Errors(value)].flatMap(({ keyword, instancePath, message, params }) => {
    // Says again of each unknown key what "additionalProperties" says of all.
    if (keyword === 'boolean') return [];
    const steps = instancePath.split('/').slice(1);
    const field = [prefix, ...steps].filter((step) => step !== '').join('.');
    const where = field === '' ? 'the file' : `"${field}"`;
    const extra = 'additionalProperties' in params ? params.additionalProperties : null;
    const missing = 'requiredProperties' in params ? params.requiredProperties : null;
    const place = schemaAt(schema, steps);
    if (Array.isArray(extra)) {
      const known = Object.keys(propertiesOf(place)).join(', ');
      return [`${where} has the unknown key "${extra.join('", "')}"; there are ${known}`];
    }
    if (Array.isArray(missing)) {
      return missing.map(
        (key: unknown) =>
          `${where} lacks "${String(key)}"${hintOf(schemaAt(place, [String(key)]))}`,
      );
    }
    return [`${where} is ${shown(valueAt(value, steps))}, but ${message}${hintOf(place)}`];
  });
}

function hintOf(schema: unknown): string {
  const hint = isRecord(schema) ? schema['description'] : undefined;
  return typeof hint === 'string' ? `: ${hint}` : '';
}

/** The schema of a field; that of what it lies in where it has none of its own. */
function schemaAt(schema: unknown, steps: readonly string[]): unknown {
  let place = schema;
  for (const step of steps) place = propertiesOf(place)[step] ?? place;
  return place;
}

function propertiesOf(schema: unknown): Readonly<Record<string, unknown>> {
  const properties = isRecord(schema) ? schema['properties'] : undefined;
  return isRecord(properties) ? properties : {};
}

function valueAt(value: unknown, steps: readonly string[]): unknown {
  let place = value;
  for (const step of steps) {
    if (Array.isArray(place)) place = place[Number(step)];
    else place = isRecord(place) ? place[step] : undefined;
  }
  return place;
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length <= SHOWN_CHARACTERS ? text : `${text.slice(0, SHOWN_CHARACTERS)}…`;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * docker-compose.yml and .env.example as data, for tests that hold them against each other. In: the
 * two files. Out: services after YAML merges, either as written or with the variables filled in the
 * way Compose fills them. It knows the forms of reference that our file uses and refuses others.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { parse } from 'yaml';

export const ROOT = join(import.meta.dirname, '..', '..');

const Words = Type.Array(Type.String());
const Names = Type.Array(Type.String());

const SERVICE = Type.Object({
  image: Type.String(),
  build: Type.Optional(Type.Object({ context: Type.String() })),
  pull_policy: Type.Optional(Type.String()),
  entrypoint: Type.Optional(Words),
  command: Type.Optional(Words),
  environment: Type.Record(Type.String(), Type.String()),
  ports: Type.Optional(Type.Array(Type.String())),
  volumes: Type.Optional(Type.Array(Type.String())),
  configs: Type.Optional(Type.Array(Type.Object({ source: Type.String(), target: Type.String() }))),
  tmpfs: Type.Optional(Type.Array(Type.String())),
  networks: Names,
  profiles: Type.Optional(Names),
  restart: Type.String(),
  init: Type.Optional(Type.Boolean()),
  read_only: Type.Optional(Type.Boolean()),
  cap_drop: Type.Optional(Names),
  security_opt: Type.Optional(Names),
  stop_grace_period: Type.String(),
  depends_on: Type.Optional(Type.Record(Type.String(), Type.Object({ condition: Type.String() }))),
  healthcheck: Type.Optional(
    Type.Object({
      test: Words,
      interval: Type.String(),
      timeout: Type.String(),
      retries: Type.Integer(),
      start_period: Type.String(),
    }),
  ),
  logging: Type.Object({
    driver: Type.String(),
    options: Type.Object({ 'max-size': Type.String(), 'max-file': Type.String() }),
  }),
  deploy: Type.Object({
    resources: Type.Object({
      limits: Type.Object({ cpus: Type.String(), memory: Type.String() }),
    }),
  }),
});

const COMPOSE = Type.Object({
  name: Type.String(),
  services: Type.Record(Type.String(), SERVICE),
  networks: Type.Record(Type.String(), Type.Unknown()),
  volumes: Type.Record(Type.String(), Type.Unknown()),
  configs: Type.Record(Type.String(), Type.Object({ content: Type.String() })),
});

export type Service = Static<typeof SERVICE>;
export type Compose = Static<typeof COMPOSE>;

/** One `${NAME…}` of the file. */
export interface Reference {
  readonly name: string;
  /** What stands in for an empty value; null where the value is required. */
  readonly fallback: string | null;
  /** What Compose says when a required value is empty. */
  readonly message: string | null;
}

const REFERENCE =
  /\$(?:\$|\{(?<name>[A-Z][A-Z0-9_]*)(?:(?<kind>:-|:\?)(?<rest>[^}]*))?\}|(?<other>.?))/g;

export const COMPOSE_TEXT = readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8');
export const ENV_EXAMPLE_TEXT = readFileSync(join(ROOT, '.env.example'), 'utf8');

/** The variables of .env.example. */
export const ENV_EXAMPLE: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(parseEnv(ENV_EXAMPLE_TEXT)).map(([name, value]) => [name, value ?? '']),
);

/** The file as written, references and all. */
export function composeAsWritten(): Compose {
  return parseCompose(COMPOSE_TEXT);
}

/** The file as Compose sees it with these variables; required ones that are empty are an error. */
export function composeWith(env: Readonly<Record<string, string>>): Compose {
  const document: unknown = parse(COMPOSE_TEXT, { merge: true });
  return Value.Parse(COMPOSE, interpolated(document, env));
}

function parseCompose(text: string): Compose {
  return Value.Parse(COMPOSE, parse(text, { merge: true }));
}

/** Every reference in a text, in order. */
export function referencesIn(text: string): Reference[] {
  const found: Reference[] = [];
  replaceReferences(text, (reference) => {
    found.push(reference);
    return '';
  });
  return found;
}

function interpolated(value: unknown, env: Readonly<Record<string, string>>): unknown {
  if (typeof value === 'string') {
    return replaceReferences(value, ({ name, fallback, message }) => {
      const given = env[name] ?? '';
      if (given !== '') return given;
      if (fallback === null) throw new Error(`${name}: ${message ?? 'not set'}`);
      return fallback;
    });
  }
  if (Array.isArray(value)) return value.map((item: unknown) => interpolated(item, env));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]: [string, unknown]) => [key, interpolated(item, env)]),
  );
}

function replaceReferences(text: string, replace: (reference: Reference) => string): string {
  return text.replaceAll(REFERENCE, (whole: string, ...rest: unknown[]) => {
    const groups = Value.Parse(
      Type.Record(Type.String(), Type.Union([Type.String(), Type.Undefined()])),
      rest.at(-1),
    );
    if (whole === '$$') return '$';
    const { name, kind, rest: argument = '' } = groups;
    if (name === undefined) throw new Error(`"${whole}" is no reference that Compose knows`);
    return replace({
      name,
      fallback: kind === ':?' ? null : kind === ':-' ? argument : '',
      message: kind === ':?' ? argument : null,
    });
  });
}

/** The text without its comments: what Compose reads. */
export function withoutComments(text: string): string {
  return text.replaceAll(/^\s*#.*$/gm, '');
}

/** 8083 of "127.0.0.1:8083:8083", with the address and the port inside the container. */
export function publishedPort(port: string): {
  readonly address: string;
  readonly published: string;
  readonly target: string;
} {
  const [address, published, target, ...more] = port.split(':');
  if (address === undefined || published === undefined || target === undefined || more.length > 0) {
    throw new Error(`"${port}" is not ADDRESS:PUBLISHED:TARGET`);
  }
  return { address, published, target };
}

/** Bytes of "1536m" or "2g". */
export function bytesOf(size: string): number {
  const match = /^(?<count>\d+(?:\.\d+)?)(?<unit>[kmg])b?$/i.exec(size);
  const count = Number(match?.groups?.['count']);
  const power = ['k', 'm', 'g'].indexOf((match?.groups?.['unit'] ?? '').toLowerCase()) + 1;
  if (!Number.isFinite(count) || power === 0) throw new Error(`"${size}" is no size`);
  return count * 1024 ** power;
}

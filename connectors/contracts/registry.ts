/**
 * The schema registry, over its Confluent API. In: its root. Out: ids of schemas, schemas of ids, and the
 * rule that new versions must keep. A schema that breaks the rule is an error that says what the registry
 * says; nothing is tried again here.
 */
import { Type, type Static, type TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { AppError, errorText } from '#core/errors.ts';

export interface SchemaRegistry {
  /** Has every subject keep this rule from now on. */
  setCompatibility(level: string): Promise<void>;
  /**
   * The id of a schema, registered where it is new.
   * @throws AppError WICK_REGISTRY_REFUSED where it breaks the rule.
   */
  register(subject: string, text: string): Promise<number>;
  /** Text of the schema. @throws AppError WICK_REGISTRY_REFUSED where the id is unknown. */
  schemaOf(id: number): Promise<string>;
}

const TIMEOUT_MS = 10_000;
const REASON_CHARACTERS_MAX = 600;

const Registered = Type.Object({ id: Type.Integer({ minimum: 0 }) });
const Found = Type.Object({ schema: Type.String() });
const Configured = Type.Object({ compatibility: Type.String() });
const Refusal = Type.Object({ message: Type.String() });

/** @param url for example `http://127.0.0.1:8081/apis/ccompat/v7`. */
export function createRegistry(url: string, timeoutMs = TIMEOUT_MS): SchemaRegistry {
  const call = <T extends TSchema>(
    schema: T,
    what: string,
    method: string,
    path: string,
    body?: unknown,
  ): Promise<Static<T>> => ask({ url, timeoutMs, schema, what, method, path, body });
  return {
    setCompatibility: async (level) => {
      await call(Configured, `the rule "${level}"`, 'PUT', '/config', { compatibility: level });
    },
    register: async (subject, schema) => {
      const path = `/subjects/${encodeURIComponent(subject)}/versions`;
      const what = `this version of "${subject}"`;
      return (await call(Registered, what, 'POST', path, { schema })).id;
    },
    schemaOf: async (id) => (await call(Found, `schema ${id}`, 'GET', `/schemas/ids/${id}`)).schema,
  };
}

interface Call<T extends TSchema> {
  readonly url: string;
  readonly timeoutMs: number;
  readonly schema: T;
  readonly what: string;
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

async function ask<T extends TSchema>(call: Call<T>): Promise<Static<T>> {
  const { url, timeoutMs, schema, what, method, path, body } = call;
  let status: number;
  let text: string;
  try {
    const response = await fetch(`${url}${path}`, {
      method,
      signal: AbortSignal.timeout(timeoutMs),
      headers: { 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    status = response.status;
    text = await response.text();
  } catch (error) {
    throw new AppError(
      'WICK_REGISTRY_UNREACHABLE',
      `The schema registry does not answer at "${url}" (${errorText(error)}); start it, or set SCHEMA_REGISTRY_URL, or ANALYZER_PUBLISH=off to do without`,
      { cause: error, retryable: true },
    );
  }
  const json = parsed(text);
  if (status === 200 && Value.Check(schema, json)) return json;
  const reason = Value.Check(Refusal, json) ? json.message : text;
  throw new AppError(
    'WICK_REGISTRY_REFUSED',
    `The schema registry refused ${what} (${status}): ${reason.slice(0, REASON_CHARACTERS_MAX)}`,
    { retryable: status >= 500 },
  );
}

/** Null where the text is not JSON, as that of a proxy in between. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/**
 * What a request asks for, apart from its body. In: URL and headers. Out: query bytes, options of the HTTP
 * interface, settings and parameters, split as ClickHouse splits them. Values stay bytes: a parameter need not
 * be UTF-8. Whether a setting exists is for the engine to say.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { clickHouseError } from './clickhouse-error.ts';

export interface Field {
  readonly name: string;
  readonly value: Buffer;
}

/** A table sent with the query: its columns as `name Type, …`, and the format of its bytes. */
export interface ExternalTable {
  readonly format: string;
  readonly structure: string;
}

export interface QueryRequest {
  query: Buffer;
  readonly database: string | undefined;
  readonly queryId: string;
  readonly defaultFormat: string | undefined;
  readonly sessionId: string | undefined;
  readonly sessionTimeout: string | undefined;
  readonly sessionCheck: boolean;
  readonly closeSession: boolean;
  readonly waitEnd: boolean;
  readonly settings: Map<string, Buffer>;
  readonly parameters: Map<string, Buffer>;
  readonly external: Map<string, ExternalTable>;
}

/** Fields that steer the HTTP interface; everything else in the URL is a setting. */
const OPTIONS = new Set([
  'query',
  'database',
  'query_id',
  'default_format',
  'session_id',
  'session_timeout',
  'session_check',
  'close_session',
  'wait_end_of_query',
  'buffer_size',
  'user',
  'password',
  'quota_key',
  'role',
  'compress',
  'decompress',
  'stacktrace',
  'client_protocol_version',
]);
const NAME = /^[A-Za-z_][A-Za-z0-9_.]*$/;
const PARAMETER_NAME = /^[A-Za-z0-9_]+$/;
const FORMAT_NAME = /^[A-Za-z0-9_]+$/;

/** `application/x-www-form-urlencoded` fields with their bytes as sent. */
export function parseUrlFields(search: string): Field[] {
  const fields: Field[] = [];
  for (const part of search.replace(/^\?/, '').split('&')) {
    if (part === '') continue;
    const split = part.indexOf('=');
    const name = split === -1 ? part : part.slice(0, split);
    const value = split === -1 ? '' : part.slice(split + 1);
    fields.push({ name: percentDecode(name).toString('utf8'), value: percentDecode(value) });
  }
  return fields;
}

function percentDecode(text: string): Buffer {
  if (!text.includes('%') && !text.includes('+')) return Buffer.from(text, 'utf8');
  const bytes = Buffer.from(text.replaceAll('+', ' '), 'utf8');
  let length = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const hex = bytes[at] === 0x25 ? bytes.toString('latin1', at + 1, at + 3) : '';
    if (/^[0-9A-Fa-f]{2}$/.test(hex)) {
      bytes[length] = Number.parseInt(hex, 16);
      at += 2;
    } else {
      bytes[length] = bytes[at] ?? 0;
    }
    length += 1;
  }
  return bytes.subarray(0, length);
}

/** `fileNames`: the files of a form, whose `NAME_structure` fields describe tables rather than settings. */
export function readQueryRequest(
  fields: readonly Field[],
  headers: IncomingHttpHeaders,
  fileNames: readonly string[] = [],
): QueryRequest {
  const values = new Map(fields.map((field) => [field.name, field.value]));
  const text = (name: string): string | undefined => {
    const value = values.get(name)?.toString('utf8');
    return value === '' ? undefined : value;
  };
  refuseUnsupported(text);
  const described = new Set(
    fileNames.flatMap((name) => [`${name}_format`, `${name}_structure`, `${name}_types`]),
  );
  const settings = new Map<string, Buffer>();
  const parameters = new Map<string, Buffer>();
  for (const { name, value } of fields) {
    if (name.startsWith('param_'))
      parameters.set(parameterName(name.slice('param_'.length)), value);
    else if (!OPTIONS.has(name) && !described.has(name)) settings.set(settingName(name), value);
  }
  return {
    query: values.get('query') ?? Buffer.alloc(0),
    database: text('database') ?? header(headers, 'x-clickhouse-database'),
    queryId: text('query_id') ?? randomUUID(),
    defaultFormat: formatOption(text('default_format') ?? header(headers, 'x-clickhouse-format')),
    sessionId: text('session_id'),
    sessionTimeout: text('session_timeout'),
    sessionCheck: isTrue(text('session_check')),
    closeSession: isTrue(text('close_session')),
    waitEnd: isTrue(text('wait_end_of_query')),
    settings,
    parameters,
    external: externalTables(fileNames, text),
  };
}

/** Options that would change bytes on the wire must not be passed over in silence. */
function refuseUnsupported(text: (name: string) => string | undefined): void {
  for (const name of ['compress', 'decompress']) {
    if (isTrue(text(name))) {
      throw clickHouseError(
        'NOT_IMPLEMENTED',
        `${name}=1 (ClickHouse's own block compression) is not supported here; use Content-Encoding and Accept-Encoding with enable_http_compression=1`,
      );
    }
  }
  const role = text('role');
  if (role !== undefined) throw clickHouseError('UNKNOWN_ROLE', `There is no role \`${role}\``);
}

function externalTables(
  fileNames: readonly string[],
  text: (name: string) => string | undefined,
): Map<string, ExternalTable> {
  const tables = new Map<string, ExternalTable>();
  for (const name of fileNames) {
    const types = text(`${name}_types`)
      ?.split(',')
      .map((type, index) => `_${index + 1} ${type}`)
      .join(', ');
    const structure = text(`${name}_structure`) ?? types;
    if (structure === undefined) {
      throw clickHouseError(
        'BAD_REQUEST_PARAMETER',
        `Neither structure nor types have been provided for external table ${name}. Use fields ${name}_structure or ${name}_types to do so.`,
      );
    }
    const format = formatOption(text(`${name}_format`)) ?? 'TabSeparated';
    tables.set(name, { format, structure });
  }
  return tables;
}

function settingName(name: string): string {
  if (!NAME.test(name)) throw clickHouseError('UNKNOWN_SETTING', `Unknown setting '${name}'`);
  return name;
}

function parameterName(name: string): string {
  if (!PARAMETER_NAME.test(name)) {
    throw clickHouseError('BAD_REQUEST_PARAMETER', `"${name}" is not a name of a query parameter`);
  }
  return name;
}

function formatOption(name: string | undefined): string | undefined {
  if (name === undefined || FORMAT_NAME.test(name)) return name;
  throw clickHouseError('BAD_REQUEST_PARAMETER', `"${name}" is not a name of a format`);
}

export function header(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}

export function isTrue(value: string | undefined): boolean {
  return value === '1' || value === 'true';
}

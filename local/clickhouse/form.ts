/**
 * A `multipart/form-data` body, as both clients send it for long parameters and for external tables. In: the whole
 * body and its boundary. Out: fields, and files by the name of their field. Bodies are bounded before they come here.
 */
import { clickHouseError } from './clickhouse-error.ts';
import type { Field } from './request.ts';

export interface Form {
  readonly fields: readonly Field[];
  readonly files: ReadonlyMap<string, Buffer>;
}

/** The boundary of a Content-Type, or undefined when it is no form. */
export function formBoundary(contentType: string | undefined): string | undefined {
  if (contentType === undefined || !/^multipart\/form-data\b/i.test(contentType)) return undefined;
  const match = /;\s*boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(contentType);
  const boundary = match?.[1] ?? match?.[2];
  if (boundary === undefined) throw malformed('its Content-Type names no boundary');
  return boundary;
}

export function parseForm(body: Buffer, boundary: string): Form {
  const fields: Field[] = [];
  const files = new Map<string, Buffer>();
  const delimiter = Buffer.from(`--${boundary}`, 'latin1');
  let at = body.indexOf(delimiter);
  while (at !== -1) {
    const start = at + delimiter.length;
    if (body.toString('latin1', start, start + 2) === '--') return { fields, files };
    const next = body.indexOf(Buffer.from(`\r\n--${boundary}`, 'latin1'), start);
    const headersEnd = body.indexOf('\r\n\r\n', start);
    if (next === -1 || headersEnd === -1 || headersEnd > next) break;
    const disposition = body.toString('utf8', start, headersEnd);
    const name = /;\s*name="([^"]*)"/i.exec(disposition)?.[1];
    if (name === undefined) throw malformed('a part has no name');
    const value = body.subarray(headersEnd + 4, next);
    if (/;\s*filename\*?=/i.test(disposition)) files.set(name, value);
    else fields.push({ name, value });
    at = next + 2;
  }
  throw malformed('it ends in the middle of a part');
}

function malformed(what: string): Error {
  return clickHouseError(
    'BAD_REQUEST_PARAMETER',
    `The multipart/form-data body cannot be read: ${what}`,
  );
}

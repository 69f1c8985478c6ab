/**
 * What a server gave with a document to recognise it by (RFC 9110, 13.1). In: an answer. Out: what to send
 * along the next time, so that the server may say "not modified" in place of sending it again. It is
 * sent only to the very address that gave it.
 */
import type { PinnedAnswer } from './pinned-request.ts';

export interface Validators {
  /** The address that answered, redirects followed. */
  readonly url: string;
  readonly etag: string | null;
  readonly lastModified: string | null;
}

/** Longer ones are not worth sending. */
const CHARACTERS_MAX = 300;

/** Null where the answer came without. */
export function validatorsOf(url: URL, { headers }: PinnedAnswer): Validators | null {
  const etag = headerOf(headers['etag']);
  const lastModified = headerOf(headers['last-modified']);
  return etag === null && lastModified === null ? null : { url: url.href, etag, lastModified };
}

/** Headers that ask for the document only if it has changed; none for another address. */
export function conditionOf(known: Validators | null, url: URL): Readonly<Record<string, string>> {
  if (known === null || known.url !== url.href) return {};
  return {
    ...(known.etag === null ? {} : { 'if-none-match': known.etag }),
    ...(known.lastModified === null ? {} : { 'if-modified-since': known.lastModified }),
  };
}

function headerOf(value: string | string[] | undefined): string | null {
  if (typeof value !== 'string' || value === '' || value.length > CHARACTERS_MAX) return null;
  return value;
}

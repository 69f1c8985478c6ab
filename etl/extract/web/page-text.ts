/**
 * Bytes of an answer into text. In: bytes, the content type and what was wanted. Out: text, decoded
 * strictly by the charset that the answer itself names. An error page in place of data, an unknown
 * charset and bytes that are not of it are refused; no byte is replaced.
 */
import { unreadable, type DocumentKind } from './source.ts';

export interface AnsweredPage {
  readonly source: string;
  readonly url: string;
  readonly contentType: string | undefined;
  readonly bytes: Uint8Array;
}

const TYPES: Readonly<Record<DocumentKind, RegExp>> = {
  xml: /^(application|text)\/xml$|\+xml$|^text\/plain$/,
  html: /^text\/html$|^application\/xhtml\+xml$/,
  json: /^(application|text)\/json$|\+json$/,
  text: /^text\/(plain|csv|tab-separated-values)$|^application\/(csv|octet-stream)$/,
  zip: /^application\/(zip|x-zip|x-zip-compressed|octet-stream|binary)$/,
};
/** What to ask for. */
export const ACCEPT: Readonly<Record<DocumentKind, string>> = {
  xml: 'application/xml, text/xml',
  html: 'text/html, application/xhtml+xml',
  json: 'application/json',
  text: 'text/plain, text/csv',
  zip: 'application/zip, application/octet-stream',
};
const HTML_START = /^\s*(<!doctype\s+html|<html)/i;
const SHOWN_CHARACTERS = 80;
/** Where an XML declaration or a meta element has to stand. */
const XML_HEAD_BYTES = 256;
const HTML_HEAD_BYTES = 2_048;

/** @throws AppError WICK_ETL_VENUE_PAYLOAD where the answer is of another kind than was asked for. */
export function assertKind(page: AnsweredPage, kind: DocumentKind): void {
  const type = (page.contentType ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  const start = headOf(page.bytes, 512);
  const isHtml = HTML_START.test(start);
  const isType = type === '' || TYPES[kind].test(type);
  if (isType && (kind === 'html' || !isHtml)) return;
  const got = isHtml ? 'an HTML page' : `"${type}"`;
  throw unreadable(
    page.source,
    page.url,
    `${got} where ${kind} was expected, beginning "${start.trim().slice(0, SHOWN_CHARACTERS)}"`,
  );
}

/** The text without byte-order mark. @throws AppError WICK_ETL_VENUE_PAYLOAD */
export function decodeText(page: AnsweredPage, kind: DocumentKind): string {
  const label = charsetOf(page, kind);
  try {
    return new TextDecoder(label, { fatal: true }).decode(page.bytes);
  } catch (error) {
    if (error instanceof RangeError) {
      throw unreadable(page.source, page.url, `its charset "${label}" is not known`);
    }
    if (!(error instanceof TypeError)) throw error;
    throw unreadable(page.source, page.url, `its bytes are not "${label}"`);
  }
}

/** The mark before all, then the header, then what the document says of itself, else UTF-8. */
function charsetOf({ contentType, bytes }: AnsweredPage, kind: DocumentKind): string {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return 'utf-8';
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be';
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  const fromHeader = /;\s*charset\s*=\s*"?([\w.:-]+)/i.exec(contentType ?? '')?.[1];
  if (fromHeader !== undefined) return fromHeader;
  const declared =
    kind === 'xml'
      ? /^\s*<\?xml[^>]*\sencoding\s*=\s*["']([\w.:-]+)["']/.exec(headOf(bytes, XML_HEAD_BYTES))
      : kind === 'html'
        ? /<meta[^>]{0,200}?charset\s*=\s*["']?([\w.:-]+)/i.exec(headOf(bytes, HTML_HEAD_BYTES))
        : null;
  return declared?.[1] ?? 'utf-8';
}

function headOf(bytes: Uint8Array, length: number): string {
  return Buffer.from(bytes.subarray(0, length))
    .toString('latin1')
    .replace(/^\u00ef\u00bb\u00bf/, '');
}

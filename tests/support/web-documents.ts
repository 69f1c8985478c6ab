/** Documents of web sources as tests read them: captured bytes, and the text that a fetch makes of them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeText } from '../../etl/extract/web/page-text.ts';
import type { DocumentKind, WebDocument } from '../../etl/extract/web/source.ts';

const FIXTURES = join(import.meta.dirname, '../../etl/extract/web/fixtures');

/** The bytes as captured. */
export function capturedBytes(name: string): Buffer {
  return readFileSync(join(FIXTURES, name));
}

/** The text by the charset that the document itself names. */
export function capturedText(name: string, kind: DocumentKind): string {
  const bytes = capturedBytes(name);
  return decodeText({ source: 'test', url: name, contentType: undefined, bytes }, kind);
}

export function documentOf(kind: DocumentKind, day: WebDocument['day'] = null): WebDocument {
  return { url: 'https://rates.example/document', kind, day, goodMs: 0 };
}

/**
 * The newest day of the captured 90 days, as ECB's daily document says it: put together here, since
 * the captured one is of another year.
 */
export function dailyOfRecent(): string {
  const recent = capturedText('ecb-eurofxref-hist-90d.xml', 'xml');
  const newest = /<Cube time="2019-11-29">.*?<\/Cube>/s.exec(recent)?.[0] ?? '';
  const head = recent.slice(0, recent.indexOf('<Cube time='));
  return `${head}${newest}</Cube></gesmes:Envelope>`;
}

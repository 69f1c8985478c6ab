/**
 * XML by `cheerio`. In: text. Out: a document to select from. No DTD is read, so no entity of the
 * document's own is expanded; a document that was cut off is refused, since the parser would close
 * what is open and call it whole.
 */
import { load, type CheerioAPI } from 'cheerio';
import { unreadable } from './source.ts';

/** @throws AppError WICK_ETL_VENUE_PAYLOAD unless the text is one whole `<root>`. */
export function readXml(
  text: string,
  root: string,
  { source, url }: { readonly source: string; readonly url: string },
): CheerioAPI {
  const $ = load(text, { xml: true });
  const [first] = $.root().children().toArray();
  if (first?.name !== root) {
    throw unreadable(source, url, `the root is "${first?.name ?? ''}" instead of "${root}"`);
  }
  if (!text.trimEnd().endsWith(`</${root}>`)) {
    throw unreadable(source, url, `it does not end with "</${root}>", so it was cut off`);
  }
  return $;
}

/**
 * What a declaration makes of a saved page: how its author sees, without asking anybody, that it
 * selects what it should. In: a declaration and the bytes of a page. Out: every rate and every refusal
 * of the pairs that it maps.
 */
import type { EpochMs } from '#core/time.ts';
import type { RejectReason } from '../../reject.ts';
import { decodeText } from '../page-text.ts';
import type { Declaration } from './declaration.ts';
import { createTableSource, symbolsOn } from './source.ts';
import { fillUrl, hasDay } from './url-template.ts';

export interface TriedRate {
  /** Canonical `BASE/QUOTE`. */
  readonly symbol: string;
  readonly day: EpochMs | null;
  readonly rate: string | null;
  readonly reason: RejectReason | null;
  readonly detail: string | null;
  /** What the row says, word for word. */
  readonly row: Readonly<Record<string, string | null>>;
}

export interface TriedPage {
  readonly rates: readonly TriedRate[];
  /** What the page has for symbols, mapped or not. */
  readonly symbols: readonly string[];
}

/**
 * @param day the one that the page was asked for; null where its address has none.
 * @throws AppError WICK_ETL_VENUE_PAYLOAD where nothing can be read at all.
 */
export function tryPage(
  declaration: Declaration,
  bytes: Uint8Array,
  day: EpochMs | null,
): TriedPage {
  const source = createTableSource(declaration);
  const { url } = declaration;
  const place = hasDay(url) && day === null ? url : fillUrl(url, day, '');
  const page = { source: declaration.id, url: place, contentType: undefined, bytes };
  const document = { url: place, kind: 'html', day, goodMs: 0 } as const;
  const text = decodeText(page, 'html');
  const sheet = source.read(text, document);
  const rates = sheet.listings.flatMap(({ venueSymbol, base, quote }) =>
    sheet.cells(venueSymbol).map(({ day: told, rate, row }) => ({
      symbol: `${base}/${quote}`,
      day: told,
      rate: rate.ok ? rate.value : null,
      reason: rate.ok ? null : rate.reason,
      detail: rate.ok ? null : rate.detail,
      row,
    })),
  );
  return { rates, symbols: symbolsOn(declaration, text) };
}

/**
 * A declared HTML table as a web source. In: a declaration and pages. Out: the rates of the rows that
 * it selects. A row without its rate, with text where a number should be, or of no readable day is
 * told with its reason; rows of symbols that the declaration does not map are not wanted. Cells are
 * read one by one, so a page that was rearranged yields refusals, not wrong prices.
 */
import { load, type CheerioAPI } from 'cheerio';
import type { EpochMs } from '#core/time.ts';
import { finding, type Finding } from '../../reject.ts';
import { createDailyDocuments } from '../daily-documents.ts';
import { parseDay } from '../day-format.ts';
import { goodMsOf } from '../policy.ts';
import { toRateCell } from '../rate-cells.ts';
import {
  unreadable,
  type Listing,
  type RateCell,
  type RateSheet,
  type WebDocument,
  type WebSource,
} from '../source.ts';
import type { CellPlace, Declaration } from './declaration.ts';
import { fillUrl, hasDay } from './url-template.ts';

const ROWS_MAX = 20_000;
/** Longer cells are cut, so that no pattern runs over a whole page. */
const CELL_CHARACTERS_MAX = 300;

type Selection = ReturnType<CheerioAPI>;
/** How to make text of what was found. */
type Reading = Pick<CellPlace, 'attribute' | 'pattern' | 'remove'>;

export function createTableSource(declaration: Declaration): WebSource {
  const { id, marketType, calendar, url, allowedHosts, minimumIntervalMs } = declaration;
  const pairs = listingsOf(declaration);
  const newest = (venueSymbol: string): WebDocument => ({
    url: fillUrl(url, null, venueSymbol),
    kind: 'html',
    day: null,
    goodMs: goodMsOf(Infinity, 0),
  });
  return {
    id,
    marketType,
    calendar: calendar === 'every-day' ? 'always' : calendar,
    policy: {
      source: id,
      allowedHosts,
      allowHttp: declaration.allowHttp ?? false,
      minimumIntervalMs,
    },
    listing: () => pairs,
    plan: (range) => {
      const { venueSymbol } = range;
      if (!hasDay(url)) return { use: 'each', documents: [newest(venueSymbol)] };
      return createDailyDocuments('html', (day) => fillUrl(url, day, venueSymbol)).plan(range);
    },
    read: (text, document) => readTable(declaration, pairs, text, document),
  };
}

function listingsOf({ symbols, quote }: Declaration): readonly Listing[] {
  return Object.entries(symbols).map(([venueSymbol, pair]) => {
    const [base = '', own = quote ?? ''] = pair.split('/');
    return { venueSymbol, base, quote: own, isTrading: true, firstDay: null, endDay: null };
  });
}

function readTable(
  declaration: Declaration,
  listings: readonly Listing[],
  text: string,
  document: WebDocument,
): RateSheet {
  const { id } = declaration;
  // A number that was cut off looks like a number; a page ends with a tag.
  if (!text.trimEnd().endsWith('>')) {
    throw unreadable(id, document.url, 'it does not end with a tag, so it was cut off');
  }
  const $ = load(text);
  const rows = $(declaration.rows).toArray();
  if (rows.length === 0) {
    throw unreadable(id, document.url, `"rows" selects no row: "${declaration.rows}"`);
  }
  if (rows.length > ROWS_MAX) {
    throw unreadable(id, document.url, `${rows.length} rows are selected, more than ${ROWS_MAX}`);
  }
  const pageDay = dayOfPage(declaration, $, document);
  const cells = new Map<string, RateCell[]>(listings.map(({ venueSymbol }) => [venueSymbol, []]));
  const strays: RateCell[] = [];
  /** Rows of a page that is about one symbol, the one in its address. */
  const ofAll: RateCell[] = [];
  rows.forEach((element, index) => {
    const { symbol, cell } = readRow(declaration, $(element), index, pageDay);
    if (declaration.symbol === undefined) ofAll.push(cell);
    else if (symbol === null || symbol === '') {
      // It may be anyone's, so it is told to whoever asks.
      strays.push({ ...cell, rate: finding('malformed_row', 'the row has no symbol') });
    } else cells.get(symbol)?.push(cell);
  });
  const days = [...cells.values(), ofAll].flat().flatMap(({ day }) => (day === null ? [] : [day]));
  return {
    listings,
    oldest: days.reduce<EpochMs | null>((o, day) => (o === null || day < o ? day : o), null),
    cells: (venueSymbol) => [...(cells.get(venueSymbol) ?? []), ...ofAll, ...strays],
  };
}

interface ReadRow {
  readonly symbol: string | null;
  readonly cell: RateCell;
}

function readRow(
  declaration: Declaration,
  row: Selection,
  index: number,
  pageDay: EpochMs | null,
): ReadRow {
  const { date, numbers, url } = declaration;
  const symbol = declaration.symbol === undefined ? null : readCell(row, declaration.symbol);
  const rate = readCell(row, declaration.rate);
  const nominal = declaration.nominal === undefined ? '1' : readCell(row, declaration.nominal);
  const texts: Record<string, string | null> = { symbol, rate, nominal };
  let day = pageDay;
  if (date.from === 'row') {
    const written = readCell(row, date.cell);
    texts['date'] = written;
    day = written === null ? null : parseDay(written, date.format);
  }
  const read = toRateCell({ day, rate, nominal, style: numbers, index, row: texts });
  const nothing = rate === null ? 'rate' : nominal === null ? 'nominal' : null;
  const cell = nothing === null ? read : { ...read, rate: nothingFound(declaration, nothing) };
  if (day === null && cell.rate.ok) {
    const reason = finding('malformed_row', `no day in "${texts['date'] ?? ''}" of ${url}`);
    return { symbol, cell: { ...cell, rate: reason } };
  }
  return { symbol, cell };
}

/** Says which field of the declaration does not fit the row. */
function nothingFound(declaration: Declaration, field: 'rate' | 'nominal'): Finding {
  const place = JSON.stringify(declaration[field]);
  return finding('malformed_row', `"${field}" finds nothing in the row: ${place}`);
}

/** What stands where the symbols of a page are, mapped or not, each once; for its author. */
export function symbolsOn({ rows, symbol }: Declaration, text: string): readonly string[] {
  if (symbol === undefined) return [];
  const $ = load(text);
  const found = $(rows)
    .toArray()
    .slice(0, ROWS_MAX)
    .map((element) => readCell($(element), symbol));
  return [...new Set(found.filter((each) => each !== null && each !== ''))].flatMap(
    (each) => each ?? [],
  );
}

/** The day that the page or its address says; null where each row says its own. */
function dayOfPage(
  { id, date }: Declaration,
  $: CheerioAPI,
  document: WebDocument,
): EpochMs | null {
  if (date.from === 'row') return null;
  if (date.from === 'url') return document.day;
  const found = $(date.selector).first();
  const written = readText(found, date);
  const day = written === null ? null : parseDay(written, date.format);
  if (day !== null) return day;
  const { pattern = '' } = date;
  const { pattern: _pattern, ...plain } = date;
  const whole = readText(found, plain);
  const what =
    whole === null
      ? `"date.selector" finds no day: "${date.selector}"`
      : written === null
        ? `"date.pattern" is "${pattern}", which does not match "${whole}"`
        : `"date.format" is "${date.format}", but the page says "${written}"`;
  throw unreadable(id, document.url, what);
}

function readCell(row: Selection, place: CellPlace): string | null {
  const found = 'cell' in place ? row.children('td, th').eq(place.cell) : row.find(place.selector);
  return readText(found.first(), place);
}

/** Null where there is nothing to be read; a pattern that does not match finds nothing. */
function readText(found: Selection, { attribute, pattern, remove }: Reading): string | null {
  if (found.length === 0) return null;
  const raw = attribute === undefined ? found.text() : found.attr(attribute);
  if (raw === undefined) return null;
  let text = raw.replaceAll(/\s+/g, ' ').trim().slice(0, CELL_CHARACTERS_MAX);
  for (const part of remove ?? []) text = text.replaceAll(part, '');
  if (pattern === undefined) return text.trim();
  return new RegExp(pattern).exec(text)?.[1]?.trim() ?? null;
}

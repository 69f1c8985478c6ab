/**
 * A web source as a venue, so that ingest, backfill and the command line treat it like any other. In:
 * a source. Out: an adapter whose candles are one rate a day: open, high, low and close are that rate,
 * there is no volume, and the candle opens at UTC midnight of the date the rate is for.
 */
import type { Series } from '#core/candle.ts';
import { nextOpen } from '#core/interval.ts';
import { epochMs, type Clock, type EpochMs } from '#core/time.ts';
import { createCatalogue, unsupported, type InstrumentCatalogue } from '../catalogue.ts';
import { finding, type Reject } from '../reject.ts';
import type {
  CandlePage,
  CandleRequest,
  ExtractedCandle,
  Instrument,
  VenueAdapter,
} from '../venue.ts';
import { DAY_MS } from './day-format.ts';
import { createDocumentCache, type DocumentCache, type ReadDocument } from './document-cache.ts';
import { createPageFetcher, type PageFetcherOptions } from './fetch-page.ts';
import type { Listing, RateCell, WebCalendar, WebDocument, WebSource } from './source.ts';

export interface WebVenue extends VenueAdapter {
  /** Which days it has rates on. */
  readonly calendar: WebCalendar;
}

export type WebVenueOptions = Omit<PageFetcherOptions, 'policy'>;

export const WEB_INTERVAL = '1d';

interface Session {
  readonly source: WebSource;
  readonly clock: Clock;
  readonly documents: DocumentCache;
  readonly catalogue: InstrumentCatalogue;
}

export function createWebVenue(source: WebSource, options: WebVenueOptions): WebVenue {
  const { clock } = options;
  const fetcher = createPageFetcher({ ...options, policy: source.policy });
  const documents = createDocumentCache(source, fetcher, clock);
  const catalogue = createCatalogue({
    venue: source.id,
    clock,
    fetch: (signal) => fetchInstruments(source, clock, documents, signal),
  });
  const session: Session = { source, clock, documents, catalogue };
  return {
    id: source.id,
    marketType: source.marketType,
    calendar: source.calendar,
    intervals: [WEB_INTERVAL],
    reachCandles: null,
    // Pages tell no time, so what is over is judged by our clock.
    fetchServerTime: async () => clock.now(),
    fetchInstruments: (signal) => catalogue.fetch(signal),
    findInstrument: (text, signal) => catalogue.find(text, signal),
    fetchCandles: (request) => fetchCandles(session, request),
    fetchFunding: null,
    stream: null,
    close: () => documents.close(),
  };
}

async function fetchInstruments(
  source: WebSource,
  clock: Clock,
  documents: DocumentCache,
  signal: AbortSignal | undefined,
): Promise<readonly Instrument[]> {
  const listing = source.listing(clock.now());
  const listings =
    'url' in listing ? (await documents.get(listing, signal)).sheet.listings : listing;
  return listings.map((each) => toInstrument(source, each));
}

function toInstrument(source: WebSource, listing: Listing): Instrument {
  const { venueSymbol, base, quote, isTrading, firstDay, endDay } = listing;
  return {
    exchange: source.id,
    marketType: source.marketType,
    symbol: `${base}/${quote}`,
    base,
    quote,
    venueSymbol,
    aliases: [],
    isTrading,
    venueStatus: isTrading ? 'listed' : 'no longer listed',
    onboardTime: firstDay,
    delistTime: endDay,
    tickSize: null,
    stepSize: null,
  };
}

async function* fetchCandles(
  session: Session,
  request: CandleRequest,
): AsyncGenerator<CandlePage, void, undefined> {
  const { source, clock, documents, catalogue } = session;
  const { symbol, interval, signal } = request;
  if (interval !== WEB_INTERVAL) {
    throw unsupported(source.id, 'interval', interval, [WEB_INTERVAL]);
  }
  const instrument = await catalogue.find(symbol, signal);
  const venueNow = request.venueNow ?? clock.now();
  const first = Math.ceil(request.from / DAY_MS) * DAY_MS;
  const last = Math.floor(Math.min(request.to - 1, venueNow) / DAY_MS) * DAY_MS;
  if (first > last) return;
  const range = { first: epochMs(first), last: epochMs(last) };
  const { exchange, marketType, venueSymbol } = instrument;
  const series: Series = { exchange, marketType, symbol: instrument.symbol, interval };
  const wanted = { series, venueSymbol, venueNow, ...range };
  const plan = source.plan({ ...range, now: venueNow, venueSymbol });
  let page: CandlePage | null = null;
  for (const document of plan.documents) {
    const read = await documents.get(document, signal);
    page = toPage(wanted, document, read);
    if (plan.use === 'each') yield page;
    else if ((read.sheet.oldest ?? Infinity) <= first) break;
  }
  // Where no document reaches back far enough, the last one reaches furthest.
  if (plan.use === 'first-that-covers' && page !== null) yield page;
}

interface Wanted {
  readonly series: Series;
  readonly venueSymbol: string;
  readonly venueNow: EpochMs;
  readonly first: EpochMs;
  readonly last: EpochMs;
}

function toPage(wanted: Wanted, document: WebDocument, { raw, sheet }: ReadDocument): CandlePage {
  const { series, venueSymbol, venueNow } = wanted;
  // What was fetched before a day was over cannot say how it ended.
  const judgedAt = Math.min(venueNow, raw.fetchedAt);
  const candles: ExtractedCandle[] = [];
  const rejects: Reject[] = [];
  const seen = new Set<EpochMs>();
  for (const cell of sheet.cells(venueSymbol)) {
    const told = tell(cell, wanted, document);
    if (told === 'not wanted') continue;
    const { day, index, row } = cell;
    const problem =
      told ??
      (day !== null && seen.has(day) ? finding('duplicate', 'the day for a second time') : null);
    if (problem !== null || day === null || !cell.rate.ok) {
      const { reason, detail } = problem ?? finding('malformed_row', 'no rate');
      rejects.push({ series, openTime: day, reason, detail, index, rawRow: JSON.stringify(row) });
      continue;
    }
    seen.add(day);
    const { value } = cell.rate;
    candles.push({
      candle: {
        ...series,
        openTime: day,
        open: value,
        high: value,
        low: value,
        close: value,
        volume: null,
        quoteVolume: null,
        trades: null,
        takerBuyBase: null,
        takerBuyQuote: null,
        isClosed: nextOpen(series.interval, day) <= judgedAt,
        observedAt: raw.fetchedAt,
        source: 'web',
      },
      index,
      row,
    });
  }
  candles.sort((a, b) => a.candle.openTime - b.candle.openTime);
  return { series, candles, rejects, raw, venueNow, weightUsed: null };
}

/** Why the cell is refused; null for a good one. Most cells of a document are about other days. */
function tell(
  { day, rate }: RateCell,
  { first, last }: Wanted,
  document: WebDocument,
): ReturnType<typeof finding> | 'not wanted' | null {
  if (day === null) return rate.ok ? finding('time_out_of_range', 'no day that can be read') : rate;
  if (document.day !== null) {
    // An earlier day is how these sources say that the day asked for has no rate of its own.
    if (day < document.day) return 'not wanted';
    if (day > document.day) {
      return finding('not_asked_for', `the rate of another day, ${day} instead of ${document.day}`);
    }
  }
  if (day < first || day > last) return 'not wanted';
  return rate.ok ? null : rate;
}

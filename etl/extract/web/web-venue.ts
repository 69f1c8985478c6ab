/**
 * A web source as a venue, so that ingest, backfill and the command line treat it like any other. In:
 * a source. Out: an adapter whose candles are one rate a day: open, high, low and close are that rate,
 * there is no volume, and the candle opens at UTC midnight of the date the rate is for.
 */
import type { CalendarId } from '#core/calendar.ts';
import type { Series } from '#core/candle.ts';
import { epochMs, type Clock } from '#core/time.ts';
import { createCatalogue, unsupported, type InstrumentCatalogue } from '../catalogue.ts';
import type { CandlePage, CandleRequest, Instrument, VenueAdapter } from '../venue.ts';
import { DAY_MS } from './day-format.ts';
import { createDocumentCache, type DocumentCache } from './document-cache.ts';
import { createPageFetcher, type PageFetcherOptions } from './fetch-page.ts';
import { toPage } from './rate-page.ts';
import type { Listing, WebSource } from './source.ts';

export interface WebVenue extends VenueAdapter {
  /** Which days it has rates on. */
  readonly calendar: CalendarId;
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

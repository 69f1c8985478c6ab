/**
 * Coinbase over REST (Exchange API, no key): paths, how pages follow one another and what a refusal
 * means. In: a root URL. It parses by `wire.ts` and maps by `map.ts`; it keeps nothing but the list of
 * products.
 */
import { AppError } from '#core/errors.ts';
import { epochMs, formatInstant, parseInstant, type Clock, type EpochMs } from '#core/time.ts';
import { createCatalogue, unsupported, type InstrumentCatalogue } from '../catalogue.ts';
import { createVenueHttp, type VenueHttp, type VenueRefusal } from '../http.ts';
import { unexpected } from '../unexpected.ts';
import type { VenueOptions } from '../venue-options.ts';
import type { CandlePage, CandleRequest, Instrument, VenueAdapter } from '../venue.ts';
import { createWeightBudget } from '../weight-budget.ts';
import { COINBASE_INTERVALS, GRANULARITIES } from './map.ts';
import { COINBASE_MAPPER as MAPPER } from './mapper.ts';
import { createCoinbaseStream } from './stream.ts';
import { EXCHANGE, whyNot } from './symbol.ts';
import { REFUSAL, TIME } from './wire.ts';

/** Requests in a second and address; the venue's bursts of 15 are left to others behind it. */
const REQUESTS_PER_SECOND = 10;
/** The venue refuses more than 300, and both ends of a range are in it. */
const PAGE_SIZE = 299;

interface Session {
  readonly http: VenueHttp;
  readonly clock: Clock;
  readonly pageSize: number;
  readonly catalogue: InstrumentCatalogue;
}

export function createCoinbase(options: VenueOptions): VenueAdapter {
  const { clock } = options;
  const budget = createWeightBudget({ limit: REQUESTS_PER_SECOND, windowMs: 1_000, clock });
  const http = createVenueHttp({
    ...options,
    venue: EXCHANGE,
    budget,
    explainRefusal,
    readUsedWeight: () => null,
  });
  const catalogue = createCatalogue({
    venue: EXCHANGE,
    clock,
    fetch: (signal) => fetchInstruments(http, signal),
    explain: whyNot,
  });
  const pageSize = Math.min(options.pageSize ?? PAGE_SIZE, PAGE_SIZE);
  const session: Session = { http, clock, pageSize, catalogue };
  return {
    id: EXCHANGE,
    marketType: MAPPER.marketType,
    intervals: MAPPER.intervals,
    reachCandles: null,
    candleCost: {
      pageCandles: pageSize,
      pageWeight: 1,
      weightPerMinute: REQUESTS_PER_SECOND * 60,
    },
    fetchServerTime: (signal) => fetchServerTime(session, signal),
    fetchInstruments: (signal) => catalogue.fetch(signal),
    findInstrument: (text, signal) => catalogue.find(text, signal),
    fetchCandles: (request) => fetchCandles(session, request),
    fetchFunding: null,
    stream: createCoinbaseStream(options.streamUrl),
    close: () => {
      http.close();
    },
  };
}

async function fetchServerTime({ http }: Session, signal?: AbortSignal): Promise<EpochMs> {
  const { json } = await http.ask({ path: '/time', weight: 1, signal });
  if (!TIME.Check(json)) throw unexpected(EXCHANGE, '/time', json);
  try {
    return parseInstant(json.iso);
  } catch (error) {
    if (error instanceof RangeError) throw unexpected(EXCHANGE, '/time', json);
    throw error;
  }
}

async function fetchInstruments(
  http: VenueHttp,
  signal: AbortSignal | undefined,
): Promise<readonly Instrument[]> {
  const { json } = await http.ask({ path: '/products', weight: 1, signal });
  const mapped = MAPPER.mapInstruments(json);
  if (mapped === null) throw unexpected(EXCHANGE, '/products', json);
  return mapped.instruments;
}

async function* fetchCandles(
  session: Session,
  request: CandleRequest,
): AsyncGenerator<CandlePage, void, undefined> {
  const { symbol, to, signal } = request;
  const interval = COINBASE_INTERVALS.find((each) => each === request.interval);
  if (interval === undefined) {
    throw unsupported(EXCHANGE, 'interval', request.interval, COINBASE_INTERVALS);
  }
  const instrument = await session.catalogue.find(symbol, signal);
  const venueNow = request.venueNow ?? (await fetchServerTime(session, signal));
  const series = {
    exchange: EXCHANGE,
    marketType: MAPPER.marketType,
    symbol: instrument.symbol,
    interval,
  } as const;
  const path = `/products/${encodeURIComponent(instrument.venueSymbol)}/candles`;
  const granularity = GRANULARITIES[interval];
  const widthMs = granularity * 1000;
  const last = Math.min(to - 1, venueNow);
  // All its grids divide the day, so an open time is a multiple of the width.
  const first = Math.ceil(request.from / widthMs) * widthMs;
  for (let from = first; from <= last; from += session.pageSize * widthMs) {
    // Both ends are answered: the last open time of the page, not the end of its candle.
    const end = Math.min(from + (session.pageSize - 1) * widthMs, last);
    const { json, url, fetchedAt, body, weightUsed } = await session.http.ask({
      path,
      params: {
        granularity,
        start: formatInstant(epochMs(from)),
        end: formatInstant(epochMs(end)),
      },
      weight: 1,
      parse: (text) => MAPPER.parse(text),
      signal,
    });
    const context = { series, from: epochMs(from), to: epochMs(end + 1), venueNow };
    const mapped = MAPPER.mapCandles(json, { ...context, observedAt: fetchedAt });
    if (mapped === null) throw unexpected(EXCHANGE, path, json);
    yield { series, ...mapped, raw: { url, fetchedAt, body }, venueNow, weightUsed };
  }
}

/** What a refusal means: who has to change what before the same request can succeed. */
function explainRefusal({ status, method, url, text, retryAfterMs }: VenueRefusal): AppError {
  const said = parseRefusal(text) ?? text.slice(0, 120);
  const message = `${EXCHANGE} refused ${method} ${url} with status ${status}: ${said}`;
  const details = { url, status, retryAfterMs };
  if (status === 429 || status === 418) {
    return new AppError('WICK_ETL_VENUE_RATE_LIMITED', message, { retryable: true, details });
  }
  if (status === 404 || /unsupported granularity/i.test(said)) {
    return new AppError('WICK_ETL_UNSUPPORTED', message, { details });
  }
  const retryable = status >= 500 || status === 408;
  return new AppError('WICK_ETL_VENUE_HTTP', message, { retryable, details });
}

function parseRefusal(text: string): string | null {
  try {
    const json: unknown = JSON.parse(text);
    return REFUSAL.Check(json) ? json.message : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

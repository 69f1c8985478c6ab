/**
 * Hyperliquid over REST: requests, what they weigh, how pages follow one another and what a refusal
 * means. In: a root URL. It parses by `wire.ts` and maps by `map.ts`; it keeps nothing but lists of
 * instruments: the venue's own, and that of each builder's dex that was asked for by name.
 */
import { AppError } from '#core/errors.ts';
import { isInterval, nominalWidthMs, type Interval } from '#core/interval.ts';
import { epochMs, isEpochMs, type Clock, type EpochMs } from '#core/time.ts';
import { createCatalogue, unsupported, type InstrumentCatalogue } from '../catalogue.ts';
import { createVenueHttp, type VenueAnswer, type VenueHttp, type VenueRefusal } from '../http.ts';
import { unexpected } from '../unexpected.ts';
import type { VenueOptions } from '../venue-options.ts';
import type {
  CandlePage,
  CandleRequest,
  FundingPage,
  FundingRequest,
  Instrument,
  VenueAdapter,
} from '../venue.ts';
import { createWeightBudget } from '../weight-budget.ts';
import { HYPERLIQUID_MAPPER as MAPPER } from './mapper.ts';
import { createHyperliquidStream } from './stream.ts';
import { dexOf, EXCHANGE, whyNot } from './symbol.ts';
import { EXCHANGE_STATUS } from './wire.ts';

/** Weight in a minute and address. */
const WEIGHT_LIMIT = 1_200;
const WEIGHT = 20;
const STATUS_WEIGHT = 2;
const CANDLES_PER_WEIGHT = 60;
const PAYMENTS_PER_WEIGHT = 20;
/** Newest candles of a series that the venue has; older ones are gone for good. */
const REACH_CANDLES = 5_000;
/** One more than that weighs 20 again: the fewest requests are the cheapest. */
const PAGE_SIZE = 5_000;
/** Payments are hourly and 500 fit an answer; stamps that jitter must not push one out. */
const FUNDING_WINDOW_MS = 499 * 60 * 60 * 1000;
const FUNDING_PAGE_SIZE = 500;
/** Dexes whose lists are kept. */
const DEXES_MAX = 50;

interface Session {
  readonly http: VenueHttp;
  readonly clock: Clock;
  readonly pageSize: number;
  /** By dex; the venue's own under null. */
  readonly catalogues: Map<string | null, InstrumentCatalogue>;
}

export function createHyperliquid(options: VenueOptions): VenueAdapter {
  const { clock } = options;
  const budget = createWeightBudget({ limit: WEIGHT_LIMIT, clock });
  const http = createVenueHttp({
    ...options,
    venue: EXCHANGE,
    budget,
    explainRefusal,
    readUsedWeight: () => null,
  });
  const pageSize = Math.min(options.pageSize ?? PAGE_SIZE, PAGE_SIZE);
  const session: Session = { http, clock, pageSize, catalogues: new Map() };
  return {
    id: EXCHANGE,
    marketType: MAPPER.marketType,
    intervals: MAPPER.intervals,
    reachCandles: REACH_CANDLES,
    candleCost: {
      pageCandles: pageSize,
      pageWeight: WEIGHT + Math.ceil(pageSize / CANDLES_PER_WEIGHT),
      weightPerMinute: WEIGHT_LIMIT,
    },
    fetchServerTime: (signal) => fetchServerTime(session, signal),
    fetchInstruments: (signal, wanted) => fetchDexes(session, wanted ?? [], signal),
    findInstrument: (text, signal) => catalogueOf(session, dexOf(text)).find(text, signal),
    fetchCandles: (request) => fetchCandles(session, request),
    fetchFunding: (request) => fetchFunding(session, request),
    stream: createHyperliquidStream(options.streamUrl),
    close: () => {
      http.close();
    },
  };
}

async function ask(
  session: Session,
  post: Readonly<Record<string, unknown>>,
  weight: number,
  signal: AbortSignal | undefined,
): Promise<VenueAnswer> {
  return session.http.ask({
    path: '/info',
    post,
    weight,
    parse: (text) => MAPPER.parse(text),
    signal,
  });
}

async function fetchServerTime(session: Session, signal?: AbortSignal): Promise<EpochMs> {
  const { json } = await ask(session, { type: 'exchangeStatus' }, STATUS_WEIGHT, signal);
  if (EXCHANGE_STATUS.Check(json) && isEpochMs(json.time)) return json.time;
  throw unexpected(EXCHANGE, 'exchangeStatus', json);
}

function catalogueOf(session: Session, dex: string | null): InstrumentCatalogue {
  const { catalogues, clock } = session;
  const known = catalogues.get(dex);
  if (known !== undefined) return known;
  const catalogue = createCatalogue({
    venue: dex === null ? EXCHANGE : `${EXCHANGE} dex "${dex}"`,
    clock,
    fetch: (signal) => fetchInstruments(session, dex, signal),
    explain: whyNot,
  });
  const oldest = catalogues.keys().next();
  if (catalogues.size >= DEXES_MAX && oldest.done === false) catalogues.delete(oldest.value);
  catalogues.set(dex, catalogue);
  return catalogue;
}

/** The venue's own coins, and those of each builder's dex that a wanted symbol belongs to. */
async function fetchDexes(
  session: Session,
  wanted: readonly string[],
  signal: AbortSignal | undefined,
): Promise<readonly Instrument[]> {
  const dexes = new Set([null, ...wanted.map((symbol) => dexOf(symbol))]);
  if (dexes.size > DEXES_MAX) {
    throw new AppError(
      'WICK_ETL_UNSUPPORTED',
      `${EXCHANGE} is asked for the coins of ${dexes.size - 1} dexes; ${DEXES_MAX - 1} are the most`,
    );
  }
  const lists: (readonly Instrument[])[] = [];
  for (const dex of dexes) lists.push(await catalogueOf(session, dex).fetch(signal));
  return lists.flat();
}

async function fetchInstruments(
  session: Session,
  dex: string | null,
  signal: AbortSignal | undefined,
): Promise<readonly Instrument[]> {
  const asked = { type: 'meta', ...(dex === null ? {} : { dex }) };
  const { json } = await ask(session, asked, WEIGHT, signal);
  // A dex that nobody has built is answered with null.
  if (json === null && dex !== null) return [];
  const mapped = MAPPER.mapInstruments(json);
  if (mapped === null) throw unexpected(EXCHANGE, 'meta', json);
  return mapped.instruments;
}

async function* fetchCandles(
  session: Session,
  request: CandleRequest,
): AsyncGenerator<CandlePage, void, undefined> {
  const { symbol, interval, to, signal } = request;
  if (!isInterval(interval) || !MAPPER.intervals.includes(interval)) {
    throw unsupported(EXCHANGE, 'interval', interval, MAPPER.intervals);
  }
  const instrument = await catalogueOf(session, dexOf(symbol)).find(symbol, signal);
  const venueNow = request.venueNow ?? (await fetchServerTime(session, signal));
  const series = {
    exchange: EXCHANGE,
    marketType: MAPPER.marketType,
    symbol: instrument.symbol,
    interval,
  } as const;
  const last = Math.min(to - 1, venueNow);
  const coin = instrument.venueSymbol;
  const widthMs = session.pageSize * nominalWidthMs(interval);
  for (let from: number = firstWithin(request, venueNow, last); from <= last; from += widthMs) {
    const end = Math.min(from + widthMs - 1, last);
    const asked = {
      type: 'candleSnapshot',
      req: { coin, interval, startTime: from, endTime: end },
    };
    const weight = WEIGHT + countWeight(end - from, nominalWidthMs(interval));
    const { json, url, fetchedAt, body, weightUsed } = await ask(session, asked, weight, signal);
    if (json === null) throw unknownCoin(coin, 'it answered null');
    const mapped = MAPPER.mapCandles(json, {
      series,
      from: epochMs(from),
      to: epochMs(end + 1),
      venueNow,
      observedAt: fetchedAt,
    });
    if (mapped === null) throw unexpected(EXCHANGE, 'candleSnapshot', json);
    yield { series, ...mapped, raw: { url, fetchedAt, body }, venueNow, weightUsed };
  }
}

/**
 * Where to begin: no further back than the venue reaches, or each page of a long range would cost its
 * weight for nothing; the last of the range is asked for in any case, so that there is an answer to keep.
 */
function firstWithin(
  { from, interval }: { readonly from: EpochMs; readonly interval: Interval },
  venueNow: EpochMs,
  last: number,
): number {
  const reach = venueNow - (REACH_CANDLES + 1) * nominalWidthMs(interval);
  return from > last ? from : Math.max(from, Math.min(reach, last));
}

function countWeight(spanMs: number, widthMs: number): number {
  return Math.ceil((spanMs / widthMs + 2) / CANDLES_PER_WEIGHT);
}

async function* fetchFunding(
  session: Session,
  request: FundingRequest,
): AsyncGenerator<FundingPage, void, undefined> {
  const { symbol, to, signal } = request;
  const instrument = await catalogueOf(session, dexOf(symbol)).find(symbol, signal);
  const coin = instrument.venueSymbol;
  for (let from: number = request.from; from < to; from += FUNDING_WINDOW_MS) {
    const end = Math.min(from + FUNDING_WINDOW_MS, to);
    const asked = { type: 'fundingHistory', coin, startTime: from, endTime: end - 1 };
    const weight = WEIGHT + FUNDING_PAGE_SIZE / PAYMENTS_PER_WEIGHT;
    const { json, url, fetchedAt, body } = await ask(session, asked, weight, signal);
    if (json === null) throw unknownCoin(coin, 'it answered null');
    const mapped = MAPPER.mapFunding?.(json, {
      symbol: instrument.symbol,
      from: epochMs(from),
      to: epochMs(end),
      observedAt: fetchedAt,
    });
    if (mapped === undefined || mapped === null) throw unexpected(EXCHANGE, 'fundingHistory', json);
    yield { ...mapped, raw: { url, fetchedAt, body } };
  }
}

/** It was in the list; the venue has taken it off since. */
function unknownCoin(coin: string, said: string): AppError {
  return new AppError(
    'WICK_ETL_UNSUPPORTED',
    `${EXCHANGE} no longer knows the coin "${coin}": ${said}`,
    { details: { exchange: EXCHANGE, symbol: coin } },
  );
}

/** What a refusal means. Bodies are plain text, or `null` for a coin that the venue does not know. */
function explainRefusal({ status, method, url, text, retryAfterMs }: VenueRefusal): AppError {
  const message = `${EXCHANGE} refused ${method} ${url} with status ${status}: ${text.slice(0, 120)}`;
  const details = { url, status, retryAfterMs };
  if (status === 429 || status === 418) {
    return new AppError('WICK_ETL_VENUE_RATE_LIMITED', message, { retryable: true, details });
  }
  if (status === 422) {
    const hint = '; it cannot read such a request, which may name an interval or coin it has not';
    return new AppError('WICK_ETL_UNSUPPORTED', message + hint, { details });
  }
  if (status === 500 && text.trim() === 'null') {
    return new AppError('WICK_ETL_UNSUPPORTED', `${message}; it knows no such coin`, { details });
  }
  const retryable = status >= 500 || status === 408;
  return new AppError('WICK_ETL_VENUE_HTTP', message, { retryable, details });
}

/**
 * A market of Binance over REST: how pages follow one another and what a refusal means. In: the market's
 * profile (paths, weights, mapper) and a root URL, so that the recorded venue and the real one are one
 * code. It keeps nothing but the instrument list.
 */
import { AppError } from '#core/errors.ts';
import { isInterval, nextOpen, nominalWidthMs } from '#core/interval.ts';
import { epochMs, formatInstant, isEpochMs, type Clock, type EpochMs } from '#core/time.ts';
import { createCatalogue, unsupported, type InstrumentCatalogue } from '../catalogue.ts';
import { createVenueHttp, type VenueHeaders, type VenueHttp, type VenueRefusal } from '../http.ts';
import type { VenueMapper } from '../mapper.ts';
import { unexpected } from '../unexpected.ts';
import type { VenueOptions } from '../venue-options.ts';
import type {
  CandlePage,
  CandleRequest,
  FundingPage,
  FundingRequest,
  Instrument,
  VenueAdapter,
  VenueStream,
} from '../venue.ts';
import { createWeightBudget, type WeightBudget } from '../weight-budget.ts';
import { openTimeOf } from './map.ts';
import { whyNot } from './symbol.ts';
import { EXCHANGE_INFO, REFUSAL, SERVER_TIME } from './wire.ts';

/** What one market of Binance has of its own. */
export interface BinanceProfile {
  readonly mapper: VenueMapper;
  readonly paths: {
    readonly time: string;
    readonly exchangeInfo: string;
    readonly klines: string;
    /** Null where there is no funding. */
    readonly funding: string | null;
  };
  /** Weight of exchangeInfo. */
  readonly exchangeInfoWeight: number;
  /** Weight of a klines request by its limit. */
  readonly klinesWeight: (limit: number) => number;
  /** Weight in a minute until exchangeInfo says otherwise. */
  readonly weightLimit: number;
  /** Candles in one page. */
  readonly pageSize: number;
  readonly stream: VenueStream;
}

const INVALID_SYMBOL = -1121;
const INVALID_INTERVAL = -1120;
const TOO_MUCH_WEIGHT = -1003;
const LEGAL_BLOCK = 451;

/** A page below 100 candles weighs less; a few are asked for like that. */
const SMALL_PAGE_SIZE = 99;
const FUNDING_PAGE_SIZE = 1_000;
/** The venue has 500 of these in 5 minutes; as a share of the minute's 2400 that is this much each. */
const FUNDING_WEIGHT = 24;

interface Session {
  readonly profile: BinanceProfile;
  readonly http: VenueHttp;
  readonly clock: Clock;
  readonly pageSize: number;
  readonly catalogue: InstrumentCatalogue;
}

export function createBinanceVenue(profile: BinanceProfile, options: VenueOptions): VenueAdapter {
  const { clock } = options;
  const { mapper } = profile;
  const budget = createWeightBudget({ limit: profile.weightLimit, clock });
  const http = createVenueHttp({
    ...options,
    venue: mapper.id,
    budget,
    explainRefusal: (refusal) => explainRefusal(mapper.id, refusal),
    readUsedWeight,
  });
  const catalogue = createCatalogue({
    venue: mapper.id,
    clock,
    fetch: (signal) => fetchInstruments(profile, http, budget, signal),
    explain: whyNot,
  });
  const pageSize = options.pageSize ?? profile.pageSize;
  const session: Session = { profile, http, clock, pageSize, catalogue };
  const fundingPath = profile.paths.funding;
  return {
    id: mapper.id,
    marketType: mapper.marketType,
    intervals: mapper.intervals,
    reachCandles: null,
    candleCost: {
      pageCandles: pageSize,
      pageWeight: profile.klinesWeight(pageSize),
      weightPerMinute: profile.weightLimit,
    },
    fetchServerTime: (signal) => fetchServerTime(session, signal),
    fetchInstruments: (signal) => catalogue.fetch(signal),
    findInstrument: (text, signal) => catalogue.find(text, signal),
    fetchCandles: (request) => fetchCandles(session, request),
    fetchFunding:
      fundingPath === null ? null : (request) => fetchFunding(session, fundingPath, request),
    stream: profile.stream,
    close: () => {
      http.close();
    },
  };
}

async function fetchServerTime({ profile, http }: Session, signal?: AbortSignal): Promise<EpochMs> {
  const path = profile.paths.time;
  const { json } = await http.ask({ path, weight: 1, signal });
  if (SERVER_TIME.Check(json) && isEpochMs(json.serverTime)) return json.serverTime;
  throw unexpected(profile.mapper.id, path, json);
}

async function fetchInstruments(
  profile: BinanceProfile,
  http: VenueHttp,
  budget: WeightBudget,
  signal: AbortSignal | undefined,
): Promise<readonly Instrument[]> {
  const path = profile.paths.exchangeInfo;
  const { json } = await http.ask({ path, weight: profile.exchangeInfoWeight, signal });
  const mapped = profile.mapper.mapInstruments(json);
  if (mapped === null || !EXCHANGE_INFO.Check(json)) {
    throw unexpected(profile.mapper.id, path, json);
  }
  for (const rule of json.rateLimits) {
    const perMinute = rule.interval === 'MINUTE' && rule.intervalNum === 1;
    if (rule.rateLimitType === 'REQUEST_WEIGHT' && perMinute) budget.setLimit(rule.limit);
  }
  return mapped.instruments;
}

async function* fetchCandles(
  session: Session,
  request: CandleRequest,
): AsyncGenerator<CandlePage, void, undefined> {
  const { symbol, interval, to, signal } = request;
  const { profile, http, pageSize } = session;
  const { mapper } = profile;
  if (!isInterval(interval) || !mapper.intervals.includes(interval)) {
    throw unsupported(mapper.id, 'interval', interval, mapper.intervals);
  }
  const instrument = await session.catalogue.find(symbol, signal);
  const venueNow = request.venueNow ?? (await fetchServerTime(session, signal));
  const { exchange, marketType } = instrument;
  const series = { exchange, marketType, symbol: instrument.symbol, interval } as const;
  const last = Math.min(to - 1, venueNow);
  let from = request.from;
  while (from <= last) {
    const slots = (last - from) / nominalWidthMs(interval) + 1;
    const limit = Math.min(pageSize, slots < SMALL_PAGE_SIZE ? SMALL_PAGE_SIZE : pageSize);
    const { json, url, fetchedAt, body, weightUsed } = await http.ask({
      path: profile.paths.klines,
      params: {
        symbol: instrument.venueSymbol,
        interval,
        startTime: from,
        endTime: last,
        limit,
      },
      weight: profile.klinesWeight(limit),
      parse: (text) => mapper.parse(text),
      signal,
    });
    const until = epochMs(last + 1);
    const context = { series, from, to: until, venueNow, observedAt: fetchedAt };
    const mapped = mapper.mapCandles(json, context);
    if (mapped === null || !Array.isArray(json)) {
      throw unexpected(mapper.id, profile.paths.klines, json);
    }
    yield { series, ...mapped, raw: { url, fetchedAt, body }, venueNow, weightUsed };
    if (json.length < limit) return;
    from = nextFrom(mapper.id, json, from, (time) => nextOpen(interval, time));
  }
}

/** Where the next page begins: behind the newest row, which has to lie at or after this page. */
function nextFrom(
  venue: string,
  rows: readonly unknown[],
  from: EpochMs,
  after: (time: EpochMs) => EpochMs,
): EpochMs {
  let newest: EpochMs | null = null;
  for (const row of rows) {
    const time = openTimeOf(row);
    if (time !== null && time >= (newest ?? from)) newest = time;
  }
  if (newest !== null) return after(newest);
  throw new AppError(
    'WICK_ETL_VENUE_PAYLOAD',
    `${venue} sent a full page of which no candle opens at or after ${formatInstant(from)}; ` +
      'the range cannot be continued',
  );
}

async function* fetchFunding(
  session: Session,
  path: string,
  request: FundingRequest,
): AsyncGenerator<FundingPage, void, undefined> {
  const { symbol, to, signal } = request;
  const { mapper } = session.profile;
  const instrument = await session.catalogue.find(symbol, signal);
  let { from } = request;
  while (from < to) {
    const { json, url, fetchedAt, body } = await session.http.ask({
      path,
      params: {
        symbol: instrument.venueSymbol,
        startTime: from,
        endTime: to - 1,
        limit: FUNDING_PAGE_SIZE,
      },
      weight: FUNDING_WEIGHT,
      signal,
    });
    const context = { symbol: instrument.symbol, from, to, observedAt: fetchedAt };
    const mapped = mapper.mapFunding?.(json, context) ?? null;
    if (mapped === null || !Array.isArray(json)) throw unexpected(mapper.id, path, json);
    yield { ...mapped, raw: { url, fetchedAt, body } };
    if (json.length < FUNDING_PAGE_SIZE) return;
    const newest = mapped.rates.at(-1);
    if (newest === undefined) {
      throw new AppError(
        'WICK_ETL_VENUE_PAYLOAD',
        `${mapper.id} sent a full page of which no funding lies at or after ${formatInstant(from)}; ` +
          'the range cannot be continued',
      );
    }
    from = epochMs(newest.fundingTime + 1);
  }
}

function readUsedWeight(headers: VenueHeaders): number | null {
  const value = headers['x-mbx-used-weight-1m'];
  return typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : null;
}

/** What a refusal means: who has to change what before the same request can succeed. */
function explainRefusal(venue: string, refused: VenueRefusal): AppError {
  const { status, method, url, text, retryAfterMs } = refused;
  const refusal = parseRefusal(text);
  const said = refusal === null ? text.slice(0, 120) : `${refusal.code} ${refusal.msg}`;
  const message = `${venue} refused ${method} ${url} with status ${status}: ${said}`;
  const details = { url, status, code: refusal?.code ?? null, retryAfterMs };
  if (status === 429 || status === 418 || refusal?.code === TOO_MUCH_WEIGHT) {
    return new AppError('WICK_ETL_VENUE_RATE_LIMITED', message, { retryable: true, details });
  }
  if (refusal?.code === INVALID_SYMBOL || refusal?.code === INVALID_INTERVAL) {
    return new AppError('WICK_ETL_UNSUPPORTED', message, { details });
  }
  const hint = status === LEGAL_BLOCK ? '; the venue does not serve this location' : '';
  const retryable = status >= 500 || status === 408;
  return new AppError('WICK_ETL_VENUE_HTTP', message + hint, { retryable, details });
}

function parseRefusal(text: string): { code: number; msg: string } | null {
  try {
    const json: unknown = JSON.parse(text);
    return REFUSAL.Check(json) ? json : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/**
 * Binance USD-M futures over REST: which paths, what they weigh, how pages follow one another and
 * what a refusal means. In: a root URL, so that the recorded venue and the real one are one code.
 * It parses by `wire.ts` and maps by `map.ts`; it keeps nothing but the instrument list.
 */
import { AppError } from '#core/errors.ts';
import { INTERVALS, isInterval, nextOpen } from '#core/interval.ts';
import { epochMs, formatInstant, type Clock, type EpochMs } from '#core/time.ts';
import type { Logger } from '#platform/logger.ts';
import { createCatalogue, unsupported, type InstrumentCatalogue } from '../catalogue.ts';
import { createVenueHttp, type VenueHeaders, type VenueHttp, type VenueRefusal } from '../http.ts';
import type { Sleep } from '../rate-gate.ts';
import type { SharedLimits } from '../limits-shared.ts';
import type { CandlePage, CandleRequest, Instrument, VenueAdapter } from '../venue.ts';
import { createWeightBudget, type WeightBudget } from '../weight-budget.ts';
import { EXCHANGE, MARKET_TYPE, mapInstrument, mapKlines, openTimeOf } from './map.ts';
import { createBinanceStream } from './stream.ts';
import { EXCHANGE_INFO, KLINES, REFUSAL, SERVER_TIME } from './wire.ts';

export interface BinanceFuturesOptions {
  /** For example `https://fapi.binance.com`. */
  readonly baseUrl: string;
  /** For example `wss://fstream.binance.com/market`. */
  readonly streamUrl: string;
  readonly clock: Clock;
  readonly timeoutMs?: number | undefined;
  readonly attemptsMax?: number | undefined;
  /** Candles in one page; 499 gives the most candles for the weight. */
  readonly pageSize?: number | undefined;
  readonly shared?: SharedLimits | undefined;
  readonly sleep?: Sleep | undefined;
  readonly random?: (() => number) | undefined;
  readonly logger?: Logger | undefined;
}

const PAGE_SIZE = 499;
/** Binance's limit per address until exchangeInfo says otherwise. */
const WEIGHT_LIMIT = 2_400;

const INVALID_SYMBOL = -1121;
const INVALID_INTERVAL = -1120;
const TOO_MUCH_WEIGHT = -1003;
const LEGAL_BLOCK = 451;

interface Session {
  readonly http: VenueHttp;
  readonly clock: Clock;
  readonly pageSize: number;
  readonly catalogue: InstrumentCatalogue;
}

export function createBinanceFutures(options: BinanceFuturesOptions): VenueAdapter {
  const { clock } = options;
  const budget = createWeightBudget({ limit: WEIGHT_LIMIT, clock });
  const http = createVenueHttp({
    ...options,
    venue: EXCHANGE,
    budget,
    explainRefusal,
    readUsedWeight,
  });
  const session: Session = {
    http,
    clock,
    pageSize: options.pageSize ?? PAGE_SIZE,
    catalogue: createCatalogue({
      venue: EXCHANGE,
      clock,
      fetch: (signal) => fetchInstruments(http, budget, signal),
    }),
  };
  return {
    id: EXCHANGE,
    marketType: MARKET_TYPE,
    intervals: INTERVALS,
    reachCandles: null,
    candleCost: {
      pageCandles: session.pageSize,
      pageWeight: klinesWeight(session.pageSize),
      weightPerMinute: WEIGHT_LIMIT,
    },
    fetchServerTime: (signal) => fetchServerTime(session, signal),
    fetchInstruments: (signal) => session.catalogue.fetch(signal),
    fetchCandles: (request) => fetchCandles(session, request),
    fetchFunding: null,
    stream: createBinanceStream(options.streamUrl),
    close: () => {
      http.close();
    },
  };
}

async function fetchServerTime(session: Session, signal?: AbortSignal): Promise<EpochMs> {
  const path = '/fapi/v1/time';
  const { json } = await session.http.ask({ path, weight: 1, signal });
  if (!SERVER_TIME.Check(json)) throw unexpected(path, json);
  return epochMs(json.serverTime);
}

async function fetchInstruments(
  http: VenueHttp,
  budget: WeightBudget,
  signal: AbortSignal | undefined,
): Promise<readonly Instrument[]> {
  const path = '/fapi/v1/exchangeInfo';
  const { json } = await http.ask({ path, weight: 1, signal });
  if (!EXCHANGE_INFO.Check(json)) throw unexpected(path, json);
  for (const rule of json.rateLimits) {
    const perMinute = rule.interval === 'MINUTE' && rule.intervalNum === 1;
    if (rule.rateLimitType === 'REQUEST_WEIGHT' && perMinute) budget.setLimit(rule.limit);
  }
  return json.symbols
    .map((symbol) => mapInstrument(symbol))
    .filter((instrument) => instrument !== null);
}

async function* fetchCandles(
  session: Session,
  request: CandleRequest,
): AsyncGenerator<CandlePage, void, undefined> {
  const { symbol, interval, to, signal } = request;
  if (!isInterval(interval)) throw unsupported(EXCHANGE, 'interval', String(interval), INTERVALS);
  const instrument = await session.catalogue.find(symbol, signal);
  const venueNow = request.venueNow ?? (await fetchServerTime(session, signal));
  const series = {
    exchange: EXCHANGE,
    marketType: MARKET_TYPE,
    symbol: instrument.symbol,
    interval,
  } as const;
  const last = Math.min(to - 1, venueNow);
  let from = request.from;
  while (from <= last) {
    const { json, ...answer } = await session.http.ask({
      path: '/fapi/v1/klines',
      params: {
        symbol: instrument.venueSymbol,
        interval,
        startTime: from,
        endTime: last,
        limit: session.pageSize,
      },
      weight: klinesWeight(session.pageSize),
      signal,
    });
    if (!KLINES.Check(json)) throw unexpected('/fapi/v1/klines', json);
    const { url, fetchedAt, body, weightUsed } = answer;
    const until = epochMs(last + 1);
    const context = { series, from, to: until, venueNow, observedAt: fetchedAt };
    const mapped = mapKlines(json, context);
    yield { series, ...mapped, raw: { url, fetchedAt, body }, venueNow, weightUsed };
    if (json.length < session.pageSize) return;
    from = nextFrom(json, from, (time) => nextOpen(interval, time));
  }
}

/** Where the next page begins: behind the newest row, which has to lie at or after this page. */
function nextFrom(
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
    `${EXCHANGE} sent a full page of which no candle opens at or after ${formatInstant(from)}; ` +
      'the range cannot be continued',
  );
}

function unexpected(path: string, json: unknown): AppError {
  const start = JSON.stringify(json).slice(0, 120);
  return new AppError(
    'WICK_ETL_VENUE_PAYLOAD',
    `${EXCHANGE} answered ${path} in a shape that is not documented: ${start}`,
    { details: { path } },
  );
}

/** Weight of a klines request by its limit. */
function klinesWeight(limit: number): number {
  if (limit < 100) return 1;
  if (limit < 500) return 2;
  return limit <= 1000 ? 5 : 10;
}

function readUsedWeight(headers: VenueHeaders): number | null {
  const value = headers['x-mbx-used-weight-1m'];
  return typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : null;
}

/** What a refusal means: who has to change what before the same request can succeed. */
function explainRefusal({ status, method, url, text, retryAfterMs }: VenueRefusal): AppError {
  const refusal = parseRefusal(text);
  const said = refusal === null ? text.slice(0, 120) : `${refusal.code} ${refusal.msg}`;
  const message = `${EXCHANGE} refused ${method} ${url} with status ${status}: ${said}`;
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

/**
 * The REST surface of Binance over recordings, USD-M futures and spot: ping, time, exchangeInfo,
 * klines and (futures) fundingRate, with the venue's parameter checks, error bodies, request weights
 * and headers. It computes nothing of its own and keeps no state but the weights.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isInterval } from '#core/interval.ts';
import type { Clock } from '#core/time.ts';
import type { FaultLine } from '../faults.ts';
import type { Market } from '../market.ts';
import { integerParameter, queryOf } from '../query.ts';
import { arrangeRows, JSON_TYPE, respond } from '../respond.ts';
import { createWeightMeter, type Charge } from '../weights.ts';
import { renderExchangeInfo } from './exchange-info.ts';
import { renderFunding, renderKlines } from './klines.ts';
import type { BinanceProduct } from './product.ts';

export interface BinanceOptions {
  readonly product: BinanceProduct;
  readonly market: Market;
  /** What request weights are counted on. */
  readonly wallClock: Clock;
  readonly weightLimit: number;
  readonly refusalsMax?: number | undefined;
  readonly faults: FaultLine;
}

interface Refusal {
  readonly code: number;
  readonly msg: string;
}

const LIMIT_DEFAULT = 500;
const FUNDING_LIMIT_DEFAULT = 100;
const FUNDING_LIMIT_MAX = 1000;
/** Requests for funding rates per address, beside the weights. */
const FUNDING_REQUESTS_MAX = 500;
const FUNDING_WINDOW_MS = 5 * 60_000;

/** Adds the routes under the venue and the product's own root. */
export function addBinance(server: FastifyInstance, options: BinanceOptions): void {
  const { product, market, wallClock: clock, weightLimit, refusalsMax, faults } = options;
  const charge = createWeightMeter({ limit: weightLimit, clock, refusalsMax });
  const root = `/${product.venue}${product.root}`;
  const route = (
    path: string,
    weigh: (request: FastifyRequest) => number,
    answer: (request: FastifyRequest) => string | Refusal,
  ): void => {
    server.get(`${root}/${path}`, async (request, reply) => {
      const charged = charge(weigh(request));
      void reply.header('X-MBX-USED-WEIGHT-1M', String(charged.used)).type(JSON_TYPE);
      if (charged.verdict !== 'ok') return refuseForWeight(reply, charged, weightLimit);
      const result = answer(request);
      const isGood = typeof result === 'string';
      const body = isGood ? result : JSON.stringify(result);
      return respond(request, reply, faults, { status: isGood ? 200 : 400, body });
    });
  };
  const one = (): number => 1;
  route('ping', one, () => '{}');
  route('time', one, () => JSON.stringify({ serverTime: market.toldTime() }));
  route(
    'exchangeInfo',
    () => product.exchangeInfoWeight,
    () => renderExchangeInfo(product, market, weightLimit),
  );
  const weighKlines = (request: FastifyRequest): number =>
    product.weighKlines(integerParameter(request, 'limit') ?? LIMIT_DEFAULT);
  route('klines', weighKlines, (request) => answerKlines(request, product, market, faults));
  if (product.venue === 'binance-futures') addFunding(server, root, options);
}

/** Its requests are counted apart and weigh nothing. */
function addFunding(server: FastifyInstance, root: string, options: BinanceOptions): void {
  const { market, faults, wallClock: clock } = options;
  const charge = createWeightMeter({
    limit: FUNDING_REQUESTS_MAX,
    clock,
    refusalsMax: options.refusalsMax,
    windowMs: FUNDING_WINDOW_MS,
  });
  server.get(`${root}/fundingRate`, async (request, reply) => {
    void reply.type(JSON_TYPE);
    const charged = charge(1);
    if (charged.verdict !== 'ok') return refuseForWeight(reply, charged, FUNDING_REQUESTS_MAX);
    const result = answerFunding(request, market, faults);
    const isGood = typeof result === 'string';
    const body = isGood ? result : JSON.stringify(result);
    return respond(request, reply, faults, { status: isGood ? 200 : 400, body });
  });
}

function answerKlines(
  request: FastifyRequest,
  product: BinanceProduct,
  market: Market,
  faults: FaultLine,
): string | Refusal {
  const repeated = findRepeated(request);
  if (repeated !== null) return repeated;
  const { symbol, interval } = queryOf(request);
  if (typeof symbol !== 'string' || symbol === '') return missing('symbol');
  if (typeof interval !== 'string' || interval === '') return missing('interval');
  if (!isListed(market, symbol)) return { code: -1121, msg: 'Invalid symbol.' };
  const isKnown = isInterval(interval);
  if (!isKnown && !product.otherIntervals.includes(interval)) {
    return { code: -1120, msg: 'Invalid interval.' };
  }
  const limitMax = product.refusesLargeLimit ? product.limitMax : Infinity;
  const range = parseRange(request, LIMIT_DEFAULT, limitMax);
  if ('code' in range) return range;
  const recording = isKnown ? market.find(symbol, interval) : undefined;
  if (recording === undefined) return '[]';
  const limit = Math.min(range.limit, product.limitMax);
  return renderKlines(arrangeRows(market.rows(recording, { ...range, limit }), faults));
}

function answerFunding(
  request: FastifyRequest,
  market: Market,
  faults: FaultLine,
): string | Refusal {
  const repeated = findRepeated(request);
  if (repeated !== null) return repeated;
  const { symbol } = queryOf(request);
  if (typeof symbol !== 'string' || symbol === '') return missing('symbol');
  if (!isListed(market, symbol)) return { code: -1121, msg: 'Invalid symbol.' };
  const range = parseRange(request, FUNDING_LIMIT_DEFAULT, FUNDING_LIMIT_MAX);
  if ('code' in range) return range;
  return renderFunding(symbol, arrangeRows(market.funding(symbol, range) ?? [], faults));
}

function isListed(market: Market, symbol: string): boolean {
  return market.instruments().some(({ venueSymbol }) => venueSymbol === symbol);
}

/** With a start the oldest rows from there on, otherwise the newest up to the end. */
function parseRange(
  request: FastifyRequest,
  limitDefault: number,
  limitMax: number,
):
  | {
      readonly from: number;
      readonly to: number;
      readonly limit: number;
      readonly keep: 'oldest' | 'newest';
    }
  | Refusal {
  const limit = integerParameter(request, 'limit') ?? limitDefault;
  if (Number.isNaN(limit) || limit < 1 || limit > limitMax) return invalid('limit');
  const startTime = integerParameter(request, 'startTime');
  const endTime = integerParameter(request, 'endTime');
  if (Number.isNaN(startTime)) return invalid('startTime');
  if (Number.isNaN(endTime)) return invalid('endTime');
  const keep = startTime === undefined ? 'newest' : 'oldest';
  return { from: startTime ?? 0, to: endTime ?? Infinity, limit, keep };
}

function findRepeated(request: FastifyRequest): Refusal | null {
  const entries = Object.entries(queryOf(request));
  const repeated = entries.find(([, value]) => typeof value !== 'string');
  if (repeated === undefined) return null;
  return { code: -1101, msg: `Duplicate values for parameter '${repeated[0]}'.` };
}

function missing(name: string): Refusal {
  const msg = `Mandatory parameter '${name}' was not sent, was empty/null, or malformed.`;
  return { code: -1102, msg };
}

function invalid(name: string): Refusal {
  return { code: -1130, msg: `Data sent for parameter '${name}' is not valid.` };
}

function refuseForWeight(
  reply: FastifyReply,
  charge: Exclude<Charge, { verdict: 'ok' }>,
  limit: number,
): FastifyReply {
  const advice = 'Please use the websocket for live updates to avoid';
  const msg =
    charge.verdict === 'banned'
      ? `Way too many requests; IP banned until ${charge.until}. ${advice} bans.`
      : `Too many requests; current limit is ${limit} request weight per 1 MINUTE. ${advice} polling the API.`;
  return reply
    .code(charge.verdict === 'banned' ? 418 : 429)
    .header('Retry-After', String(charge.retryAfterSeconds))
    .send(JSON.stringify({ code: -1003, msg }));
}

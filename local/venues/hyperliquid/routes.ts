/**
 * `POST /info` of Hyperliquid over recordings: candleSnapshot, meta, fundingHistory, exchangeStatus.
 * Only the newest 5000 candles of a series exist. Weights count per minute and address; what an answer
 * holds weighs too. What it cannot read it answers with 422 and plain text.
 *
 * The body of a 429 and the answer for an unknown coin (500, `null`) are not documented.
 *
 * @see https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/info-endpoint
 */
import type { FastifyInstance } from 'fastify';
import { isInterval } from '#core/interval.ts';
import type { Clock } from '#core/time.ts';
import type { FaultLine } from '../faults.ts';
import type { Market } from '../market.ts';
import { arrangeRows, JSON_TYPE, respond } from '../respond.ts';
import { createWeightMeter } from '../weights.ts';
import { renderCandle, renderFunding, renderMeta } from './candle.ts';
import {
  INFO_REQUEST,
  type CandleSnapshot,
  type FundingHistory,
  type InfoRequest,
} from './info-request.ts';

export interface HyperliquidOptions {
  readonly market: Market;
  readonly faults: FaultLine;
  /** What weights are counted on. */
  readonly wallClock: Clock;
  readonly weightLimit: number;
}

/** Weight per minute and address. */
export const HYPERLIQUID_WEIGHT_LIMIT = 1_200;
/** Newest candles of a series that exist, and most in one answer. */
const CANDLES_MAX = 5_000;
const PAYMENTS_MAX = 500;
const WEIGHT = 20;
const STATUS_WEIGHT = 2;
const CANDLES_PER_WEIGHT = 60;
const PAYMENTS_PER_WEIGHT = 20;
const UNREADABLE = 'Failed to deserialize the JSON body into the target type';

interface InfoAnswer {
  readonly status: number;
  readonly body: string;
  /** What the items of the answer weigh, beside the request itself. */
  readonly itemsWeight: number;
}

export function addHyperliquid(server: FastifyInstance, options: HyperliquidOptions): void {
  const { market, faults, wallClock: clock } = options;
  const charge = createWeightMeter({ limit: options.weightLimit, clock, refusalsMax: Infinity });
  void server.register((scope, _options, done) => {
    // The venue reads the body itself: what is wrong with it is its own to say.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, parsed) => {
      parsed(null, body);
    });
    scope.post('/hyperliquid/info', async (request, reply) => {
      // There is no request for the time; the header is the only clock of the venue.
      const date = new Date(market.toldTime()).toUTCString();
      void reply.type(JSON_TYPE).header('Date', date);
      const asked = parseBody(request.body);
      const base = asked?.type === 'exchangeStatus' ? STATUS_WEIGHT : WEIGHT;
      if (charge(base).verdict !== 'ok') return reply.code(429).send('null');
      if (asked === null) {
        void reply.type('text/plain; charset=utf-8');
        return respond(request, reply, faults, { status: 422, body: UNREADABLE });
      }
      const { itemsWeight, ...answer } = answerInfo(market, faults, asked);
      if (itemsWeight > 0) charge(itemsWeight);
      return respond(request, reply, faults, answer);
    });
    done();
  });
}

function parseBody(body: unknown): InfoRequest | null {
  try {
    const json: unknown = JSON.parse(String(body));
    return INFO_REQUEST.Check(json) ? json : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function answerInfo(market: Market, faults: FaultLine, asked: InfoRequest): InfoAnswer {
  switch (asked.type) {
    case 'candleSnapshot':
      return answerCandles(market, faults, asked.req);
    case 'fundingHistory':
      return answerFunding(market, faults, asked);
    case 'meta':
      return good(renderMeta(market, asked.dex ?? ''), 0);
    case 'exchangeStatus':
      return good(JSON.stringify({ time: market.toldTime(), specialStatuses: null }), 0);
    default:
      return asked satisfies never;
  }
}

/** The candles that overlap `[startTime, endTime]`, the newest of them where they are too many. */
function answerCandles(market: Market, faults: FaultLine, asked: CandleSnapshot): InfoAnswer {
  const { coin, interval, startTime } = asked;
  if (!isListed(market, coin)) return { status: 500, body: 'null', itemsWeight: 0 };
  const recording = isInterval(interval) ? market.find(coin, interval) : undefined;
  if (recording === undefined) return good('[]', 0);
  const existing = { from: 0, to: Infinity, limit: CANDLES_MAX, keep: 'newest' } as const;
  const to = asked.endTime ?? Infinity;
  const rows = market
    .rows(recording, existing)
    .filter(({ openTime, end }) => end > startTime && openTime <= to);
  const candles = arrangeRows(rows, faults).map((row) => renderCandle(recording, row));
  return good(`[${candles.join(',')}]`, Math.floor(candles.length / CANDLES_PER_WEIGHT));
}

function answerFunding(market: Market, faults: FaultLine, asked: FundingHistory): InfoAnswer {
  const { coin, startTime: from } = asked;
  if (!isListed(market, coin)) return { status: 500, body: 'null', itemsWeight: 0 };
  const to = asked.endTime ?? Infinity;
  const query = { from, to, limit: PAYMENTS_MAX, keep: 'oldest' } as const;
  const rows = arrangeRows(market.funding(coin, query) ?? [], faults);
  return good(renderFunding(coin, rows), Math.floor(rows.length / PAYMENTS_PER_WEIGHT));
}

function good(body: string, itemsWeight: number): InfoAnswer {
  return { status: 200, body, itemsWeight };
}

function isListed(market: Market, coin: string): boolean {
  return market.instruments().some(({ venueSymbol }) => venueSymbol === coin);
}

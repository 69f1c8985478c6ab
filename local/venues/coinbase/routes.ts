/**
 * The public REST surface of Coinbase Exchange over recordings: time, products and candles, with the
 * allowance per second. Increments and minimums of a product were not recorded, so they are absent.
 *
 * @see https://docs.cdp.coinbase.com/exchange/introduction/welcome
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '#core/time.ts';
import type { FaultLine } from '../faults.ts';
import type { Market, MarketInstrument } from '../market.ts';
import { queryOf } from '../query.ts';
import { JSON_TYPE, respond, type Answer } from '../respond.ts';
import { answerCandles } from './candles.ts';
import { createRequestLimit } from './request-limit.ts';

export interface CoinbaseOptions {
  readonly market: Market;
  readonly faults: FaultLine;
  /** What requests are counted on. */
  readonly wallClock: Clock;
  /** Infinity switches the limit off. */
  readonly requestsPerSecond: number;
}

export function addCoinbase(server: FastifyInstance, options: CoinbaseOptions): void {
  const { market, faults, wallClock: clock } = options;
  const passes = createRequestLimit({ perSecond: options.requestsPerSecond, clock });
  const route = (path: string, answer: (request: FastifyRequest) => Answer): void => {
    server.get(`/coinbase/${path}`, async (request, reply): Promise<FastifyReply> => {
      void reply.type(JSON_TYPE);
      if (!passes()) return reply.code(429).send(message('Public rate limit exceeded'));
      return respond(request, reply, faults, answer(request));
    });
  };
  route('time', () => {
    const now = market.toldTime();
    const iso = new Date(now).toISOString();
    return { status: 200, body: JSON.stringify({ iso, epoch: now / 1000 }) };
  });
  route('products', () => {
    const products = market.instruments().map((each) => describe(each));
    return { status: 200, body: JSON.stringify(products) };
  });
  route('products/:id', (request) => {
    const found = market.instruments().find(({ venueSymbol }) => venueSymbol === idOf(request));
    if (found === undefined) return { status: 404, body: message('NotFound') };
    return { status: 200, body: JSON.stringify(describe(found)) };
  });
  route('products/:id/candles', (request) =>
    answerCandles(market, faults, idOf(request), queryOf(request)),
  );
}

function describe({ venueSymbol, base, quote, isTrading }: MarketInstrument): object {
  return {
    id: venueSymbol,
    base_currency: base,
    quote_currency: quote,
    display_name: `${base}/${quote}`,
    post_only: false,
    limit_only: false,
    cancel_only: false,
    trading_disabled: !isTrading,
    status: isTrading ? 'online' : 'delisted',
    status_message: '',
  };
}

function idOf(request: FastifyRequest): string {
  const params = request.params;
  const id = typeof params === 'object' && params !== null && 'id' in params ? params.id : '';
  return String(id);
}

function message(text: string): string {
  return JSON.stringify({ message: text });
}

/**
 * The REST surface of Binance USD-M futures over recordings: ping, time, exchangeInfo and klines,
 * with the venue's parameter checks, error bodies, request weights and headers. It computes nothing
 * of its own and keeps no state but the weights.
 *
 * @see https://developers.binance.com/docs/derivatives/usds-margined-futures/market-data
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isInterval } from '#core/interval.ts';
import type { Clock } from '#core/time.ts';
import type { Fault, FaultLine } from '../faults.ts';
import type { Recording } from '../recording.ts';
import { renderExchangeInfo } from './exchange-info.ts';
import { renderKlines, type KlinesQuery } from './klines.ts';
import { createWeightMeter, klinesWeight, type Charge } from './weights.ts';

export interface BinanceFuturesOptions {
  readonly recordings: readonly Recording[];
  /** The venue's now. */
  readonly clock: Clock;
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
const LIMIT_MAX = 1500;
const JSON_TYPE = 'application/json';

/** Adds the routes under `/fapi/v1`. */
export function addBinanceFutures(server: FastifyInstance, options: BinanceFuturesOptions): void {
  const charge = createWeightMeter({
    limit: options.weightLimit,
    clock: options.wallClock,
    ...(options.refusalsMax === undefined ? {} : { refusalsMax: options.refusalsMax }),
  });
  const series = new Map(options.recordings.map((each) => [seriesOf(each), each]));
  const symbols = new Set(options.recordings.map((each) => each.base + each.quote));
  const route = (
    path: string,
    weigh: (request: FastifyRequest) => number,
    answer: (request: FastifyRequest) => string | Refusal,
  ): void => {
    server.get(`/fapi/v1/${path}`, async (request, reply) => {
      const charged = charge(weigh(request));
      void reply.header('X-MBX-USED-WEIGHT-1M', String(charged.used)).type(JSON_TYPE);
      if (charged.verdict !== 'ok') return refuseForWeight(reply, charged, options.weightLimit);
      const result = answer(request);
      const fault = options.faults.take();
      if (fault !== undefined) return misbehave(request, reply, fault, result);
      return typeof result === 'string' ? result : reply.code(400).send(JSON.stringify(result));
    });
  };
  const one = (): number => 1;
  const now = () => options.clock.now();
  route('ping', one, () => '{}');
  route('time', one, () => JSON.stringify({ serverTime: now() }));
  route('exchangeInfo', one, () =>
    renderExchangeInfo(options.recordings, { now: now(), weightLimit: options.weightLimit }),
  );
  const weighKlines = (request: FastifyRequest): number =>
    klinesWeight(integerParameter(request, 'limit') ?? LIMIT_DEFAULT);
  route('klines', weighKlines, (request) => {
    const asked = parseKlines(request, symbols);
    if ('code' in asked) return asked;
    const recording = series.get(`${asked.symbol}|${asked.interval}`);
    return recording === undefined ? '[]' : renderKlines(recording, asked, now());
  });
}

function seriesOf(recording: Recording): string {
  return `${recording.base}${recording.quote}|${recording.interval}`;
}

type KlinesRequest = KlinesQuery & { readonly symbol: string; readonly interval: string };

function parseKlines(
  request: FastifyRequest,
  symbols: ReadonlySet<string>,
): KlinesRequest | Refusal {
  const query = queryOf(request);
  const repeated = Object.entries(query).find(([, value]) => typeof value !== 'string');
  if (repeated !== undefined) {
    return { code: -1101, msg: `Duplicate values for parameter '${repeated[0]}'.` };
  }
  const { symbol, interval } = query;
  if (typeof symbol !== 'string' || symbol === '') return missing('symbol');
  if (typeof interval !== 'string' || interval === '') return missing('interval');
  if (!symbols.has(symbol)) return { code: -1121, msg: 'Invalid symbol.' };
  if (!isInterval(interval)) return { code: -1120, msg: 'Invalid interval.' };
  const limit = integerParameter(request, 'limit') ?? LIMIT_DEFAULT;
  if (Number.isNaN(limit) || limit < 1 || limit > LIMIT_MAX) return invalid('limit');
  const startTime = integerParameter(request, 'startTime');
  const endTime = integerParameter(request, 'endTime');
  if (Number.isNaN(startTime)) return invalid('startTime');
  if (Number.isNaN(endTime)) return invalid('endTime');
  return { symbol, interval, limit, startTime, endTime };
}

function missing(name: string): Refusal {
  const msg = `Mandatory parameter '${name}' was not sent, was empty/null, or malformed.`;
  return { code: -1102, msg };
}

function invalid(name: string): Refusal {
  return { code: -1130, msg: `Data sent for parameter '${name}' is not valid.` };
}

/** A non-negative integer, undefined where absent, NaN where it is something else. */
function integerParameter(request: FastifyRequest, name: string): number | undefined {
  const value = queryOf(request)[name];
  if (value === undefined || value === '') return undefined;
  return typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
}

function queryOf(request: FastifyRequest): Readonly<Record<string, unknown>> {
  const query = request.query;
  return typeof query === 'object' && query !== null ? { ...query } : {};
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

function misbehave(
  request: FastifyRequest,
  reply: FastifyReply,
  fault: Fault,
  answer: string | Refusal,
): FastifyReply {
  switch (fault.kind) {
    case 'refuse': {
      const { retryAfterSeconds } = fault;
      if (retryAfterSeconds !== undefined) reply.header('Retry-After', String(retryAfterSeconds));
      return reply
        .code(fault.status)
        .type(fault.contentType ?? JSON_TYPE)
        .send(fault.body ?? '');
    }
    case 'html':
      return reply.type('text/html').send('<html><body>Down for maintenance</body></html>');
    case 'truncate': {
      const text = typeof answer === 'string' ? answer : JSON.stringify(answer);
      return reply.send(text.slice(0, Math.floor(text.length / 2)));
    }
    case 'hang':
      return reply.hijack();
    case 'cut':
      reply.hijack();
      request.raw.destroy();
      return reply;
    default:
      return fault satisfies never;
  }
}

/**
 * Binance's market streams over recordings: combined (`/stream?streams=a/b`) and raw (`/ws`,
 * `/ws/a/b`), with SUBSCRIBE, UNSUBSCRIBE and LIST_SUBSCRIPTIONS. Kline streams tell; others are
 * accepted and tell nothing, as the real ones do with names they do not know. The futures' roots
 * without `/market` connect, accept and tell nothing, as the real ones do since 2026-04-23.
 *
 * What was not recorded is null; trade ids too. An open candle is its opening tick, `x` is true in the
 * frame that has the whole candle.
 */
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { isInterval } from '#core/interval.ts';
import type { Clock } from '#core/time.ts';
import { numberOf, textOf } from '../json-text.ts';
import type { Market, MarketRow } from '../market.ts';
import type { Recording } from '../recording.ts';
import {
  parseFrame,
  type Conversation,
  type ConversationOptions,
  type StreamProtocol,
} from '../stream/conversation.ts';
import { createTeller } from '../stream/teller.ts';
import type { BinanceProduct } from './product.ts';

const REQUEST = Compile(
  Type.Object({
    method: Type.Union([
      Type.Literal('SUBSCRIBE'),
      Type.Literal('UNSUBSCRIBE'),
      Type.Literal('LIST_SUBSCRIPTIONS'),
    ]),
    params: Type.Optional(Type.Array(Type.String())),
    id: Type.Optional(Type.Union([Type.Integer(), Type.String(), Type.Null()])),
  }),
);

/** Streams of one connection. */
const STREAMS_MAX = 1024;
const LIFETIME_MS = 24 * 60 * 60 * 1000;
const POLICY_VIOLATION = 1008;
const GOING_AWAY = 1001;

export function createBinanceProtocol(product: BinanceProduct): StreamProtocol {
  const serves = (path: string): boolean =>
    /^(?:\/market)?\/(?:stream|ws(?:\/.*)?)$/.test(path) &&
    (product.venue === 'binance-futures' || !path.startsWith('/market'));
  return { serves, open: (options) => converse(product, options) };
}

function converse(product: BinanceProduct, options: ConversationOptions): Conversation {
  const { market, wallClock, socket, path, query } = options;
  const isMute = product.venue === 'binance-futures' && !path.startsWith('/market');
  const isCombined = path.endsWith('/stream');
  const streams = new Map<string, () => readonly string[]>();
  const opened = wallClock.now();
  let pinged = opened;
  let answered = opened;

  const add = (names: readonly string[]): boolean => {
    for (const name of names) {
      if (streams.has(name)) continue;
      if (streams.size >= STREAMS_MAX) return false;
      const tell = isMute ? () => [] : openStream(market, wallClock, name);
      const wrap = (event: string): string =>
        isCombined ? `{"stream":${JSON.stringify(name)},"data":${event}}` : event;
      streams.set(name, () => tell().map(wrap));
    }
    return true;
  };
  const tell = (): void => {
    for (const stream of streams.values()) for (const frame of stream()) socket.push(frame);
  };
  const reply = (id: unknown, result: unknown): void => {
    socket.send(JSON.stringify({ result, id: id ?? null }));
  };
  const refuse = (code: number, msg: string): void => {
    socket.send(JSON.stringify({ error: { code, msg }, id: null }));
  };
  const receive = (frame: string): void => {
    const json = parseFrame(frame);
    if (json === undefined) return refuse(3, 'Invalid JSON: expected value at line 1 column 1');
    if (!REQUEST.Check(json)) return refuse(2, 'Invalid request: unknown or missing field');
    const { method, params = [], id } = json;
    if (method === 'LIST_SUBSCRIPTIONS') return reply(id, [...streams.keys()]);
    if (method === 'UNSUBSCRIBE') {
      for (const name of params) streams.delete(name);
      return reply(id, null);
    }
    if (!add(params)) {
      refuse(4, 'Too many subscriptions');
      return socket.close(POLICY_VIOLATION, 'Too many subscriptions');
    }
    reply(id, null);
    tell();
  };
  const tick = (): void => {
    const now = wallClock.now();
    if (now - opened >= LIFETIME_MS) return socket.close(GOING_AWAY, '24 hours');
    if (now - answered >= product.pongMsMax) return socket.close(POLICY_VIOLATION, 'Pong timeout');
    if (now - pinged >= product.pingMs) {
      pinged = now;
      socket.ping();
    }
    tell();
  };

  add(namesIn(path, query));
  return {
    receive,
    tick,
    pong: () => {
      answered = wallClock.now();
    },
  };
}

/** The streams that the address names. */
function namesIn(path: string, query: URLSearchParams): readonly string[] {
  const text = path.endsWith('/stream')
    ? (query.get('streams') ?? '')
    : decodePath(path.slice(path.indexOf('/ws') + '/ws'.length));
  return text.split('/').filter((name) => name !== '');
}

/** A name that is not ASCII is encoded in an address; a wrong encoding is no name. */
function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch (error) {
    if (error instanceof URIError) return '';
    throw error;
  }
}

/** What tells of `btcusdt@kline_1m` since it was last asked; of anything else nothing. */
function openStream(market: Market, wallClock: Clock, name: string): () => readonly string[] {
  const [symbol = '', interval = ''] = name.split('@kline_');
  const instrument = market
    .instruments()
    .find(({ venueSymbol }) => venueSymbol.toLowerCase() === symbol);
  if (instrument === undefined || !isInterval(interval)) return () => [];
  const recording = market.find(instrument.venueSymbol, interval);
  if (recording === undefined) return () => [];
  const next = createTeller(market, recording, wallClock);
  return () => next().map((row) => renderEvent(market, recording, row));
}

function renderEvent(market: Market, { venueSymbol, interval }: Recording, row: MarketRow): string {
  const symbol = JSON.stringify(venueSymbol);
  const kline =
    `{"t":${row.openTime},"T":${row.end - 1},"s":${symbol},"i":"${interval}","f":null,"L":null,` +
    `"o":${textOf(row.open)},"c":${textOf(row.close)},"h":${textOf(row.high)},` +
    `"l":${textOf(row.low)},"v":${textOf(row.volume)},"n":${numberOf(row.trades)},` +
    `"x":${!row.isOpen},"q":${textOf(row.quoteVolume)},"V":${textOf(row.takerBuyBase)},` +
    `"Q":${textOf(row.takerBuyQuote)},"B":"0"}`;
  return `{"e":"kline","E":${market.toldTime()},"s":${symbol},"k":${kline}}`;
}

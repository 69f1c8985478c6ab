/**
 * Hyperliquid's streams over recordings: candle subscriptions and pings. A candle carries no mark of
 * being closed: its last frame has all of it, then the next one opens. A connection over which the
 * venue has sent nothing for 60 s is closed; a ping is answered and so keeps it.
 *
 * The words of the refusal of an unknown coin are not documented.
 */
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { isInterval } from '#core/interval.ts';
import type { Clock } from '#core/time.ts';
import type { Market } from '../market.ts';
import {
  parseFrame,
  type Conversation,
  type ConversationOptions,
  type StreamProtocol,
} from '../stream/conversation.ts';
import { createTeller } from '../stream/teller.ts';
import { renderCandle } from './candle.ts';
import { CANDLE_SUBSCRIPTION } from './info-request.ts';

const REQUEST = Compile(
  Type.Object({
    method: Type.Union([Type.Literal('subscribe'), Type.Literal('unsubscribe')]),
    subscription: Type.Unknown(),
  }),
);
const PING = Compile(Type.Object({ method: Type.Literal('ping') }));

/** The first frame of each connection: text that is no JSON. */
const GREETING = 'Websocket connection established.';
/** Without a frame to the client for this long the connection is closed. */
const SILENCE_MS_MAX = 60_000;
const SUBSCRIPTIONS_MAX = 1_000;
const GOING_AWAY = 1001;

export const HYPERLIQUID_PROTOCOL: StreamProtocol = {
  serves: (path) => path === '/ws',
  open: converse,
};

function converse({ market, wallClock, socket }: ConversationOptions): Conversation {
  const subscriptions = new Map<string, () => readonly string[]>();
  let sentAt = wallClock.now();
  const send = (frame: string): void => {
    sentAt = wallClock.now();
    socket.send(frame);
  };
  const refuse = (data: string): void => {
    send(JSON.stringify({ channel: 'error', data }));
  };
  const tell = (): void => {
    for (const subscription of subscriptions.values()) {
      for (const frame of subscription()) {
        sentAt = wallClock.now();
        socket.push(frame);
      }
    }
  };
  const receive = (frame: string): void => {
    const json = parseFrame(frame);
    if (PING.Check(json)) return send('{"channel":"pong"}');
    if (!REQUEST.Check(json) || !CANDLE_SUBSCRIPTION.Check(json.subscription)) {
      return refuse(`Error parsing JSON into valid websocket request: ${frame}`);
    }
    const { coin, interval } = json.subscription;
    const key = `${coin}|${interval}`;
    const text = JSON.stringify(json.subscription);
    if (json.method === 'subscribe') {
      const stream = openStream(market, wallClock, coin, interval);
      if (stream === null) return refuse(`Invalid subscription ${text}`);
      if (subscriptions.has(key)) return refuse(`Already subscribed: ${text}`);
      if (subscriptions.size >= SUBSCRIPTIONS_MAX) return refuse('Cannot subscribe any more');
      subscriptions.set(key, stream);
    } else if (!subscriptions.delete(key)) {
      return refuse(`Already unsubscribed: ${text}`);
    }
    const subscription = { type: 'candle', interval, coin };
    const data = { method: json.method, subscription };
    send(JSON.stringify({ channel: 'subscriptionResponse', data }));
    tell();
  };
  const tick = (): void => {
    tell();
    if (wallClock.now() - sentAt >= SILENCE_MS_MAX) socket.close(GOING_AWAY, 'Inactive');
  };
  send(GREETING);
  // Nothing is pinged here: the venue's pings are frames of its own.
  return { receive, tick, pong: () => undefined };
}

/** Null for a coin that the venue does not have; an interval that was not recorded tells nothing. */
function openStream(
  market: Market,
  wallClock: Clock,
  coin: string,
  interval: string,
): (() => readonly string[]) | null {
  if (!market.instruments().some(({ venueSymbol }) => venueSymbol === coin)) return null;
  const recording = isInterval(interval) ? market.find(coin, interval) : undefined;
  if (recording === undefined) return () => [];
  const next = createTeller(market, recording, wallClock);
  return () => next().map((row) => `{"channel":"candle","data":${renderCandle(recording, row)}}`);
}

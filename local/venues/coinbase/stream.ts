/**
 * Coinbase Advanced Trade streams over recordings: the channels candles (five-minute buckets only) and
 * heartbeats. Each message carries the next number of its connection, so that a lost one shows. A
 * bucket is final when the next begins. Who does not subscribe within 5 s is disconnected.
 *
 * @see https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket/websocket-overview
 */
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { formatInstant, type Clock } from '#core/time.ts';
import { textOf } from '../json-text.ts';
import type { Market, MarketRow } from '../market.ts';
import {
  parseFrame,
  type Conversation,
  type ConversationOptions,
  type StreamProtocol,
} from '../stream/conversation.ts';
import { createTeller } from '../stream/teller.ts';

const REQUEST = Compile(
  Type.Object({
    type: Type.Union([Type.Literal('subscribe'), Type.Literal('unsubscribe')]),
    channel: Type.Union([Type.Literal('candles'), Type.Literal('heartbeats')]),
    product_ids: Type.Optional(Type.Array(Type.String(), { maxItems: 10_000 })),
  }),
);

const BUCKET = '5m';
/** Newest buckets that a new subscription is told at once. */
const SNAPSHOT_ROWS = 100;
const SUBSCRIBE_WITHIN_MS = 5_000;
const HEARTBEAT_MS = 1_000;
const POLICY_VIOLATION = 1008;

export const COINBASE_PROTOCOL: StreamProtocol = {
  serves: (path) => path === '/stream',
  open: converse,
};

function converse({ market, wallClock, socket }: ConversationOptions): Conversation {
  const candles = new Map<string, () => readonly MarketRow[]>();
  const opened = wallClock.now();
  const message = numberMessages(market);
  const heartbeats = createHeartbeats(market, wallClock);
  let hasSubscribed = false;

  const pushCandles = (type: string, product: string, rows: readonly MarketRow[]): void => {
    const texts = rows.map((row) => renderCandle(product, row)).join(',');
    socket.push(message('candles', `[{"type":"${type}","candles":[${texts}]}]`));
  };
  const subscribe = (product: string): void => {
    if (candles.has(product)) return;
    const recording = market.find(product, BUCKET);
    const newest = { from: 0, to: Infinity, limit: SNAPSHOT_ROWS, keep: 'newest' } as const;
    pushCandles('snapshot', product, recording === undefined ? [] : market.rows(recording, newest));
    const next = recording === undefined ? () => [] : createTeller(market, recording, wallClock);
    // The snapshot has told what there is so far.
    next();
    candles.set(product, next);
  };
  const receive = (frame: string): void => {
    const json = parseFrame(frame);
    const problem = findProblem(market, json);
    if (!REQUEST.Check(json) || problem !== null) {
      return socket.send(JSON.stringify({ type: 'error', message: problem }));
    }
    const { type, channel, product_ids: products = [] } = json;
    hasSubscribed = true;
    if (channel === 'heartbeats') heartbeats.turn(type === 'subscribe');
    else if (type === 'subscribe') for (const product of products) subscribe(product);
    else for (const product of products) candles.delete(product);
    const subscriptions = {
      ...(candles.size === 0 ? {} : { candles: [...candles.keys()] }),
      ...(heartbeats.isOn() ? { heartbeats: ['heartbeats'] } : {}),
    };
    socket.send(message('subscriptions', JSON.stringify([{ subscriptions }])));
  };
  const tick = (): void => {
    if (!hasSubscribed && wallClock.now() - opened >= SUBSCRIBE_WITHIN_MS) {
      return socket.close(POLICY_VIOLATION, 'no subscription');
    }
    for (const [product, next] of candles) {
      const rows = next();
      for (const row of rows) pushCandles('update', product, [row]);
    }
    const events = heartbeats.beat();
    if (events !== null) socket.push(message('heartbeats', events));
  };
  return { receive, tick, pong: () => undefined };
}

/** Why a request is refused; null for a good one. */
function findProblem(market: Market, json: unknown): string | null {
  if (!REQUEST.Check(json)) return 'failed to parse the message';
  const listed = market.instruments().map(({ venueSymbol }) => venueSymbol);
  const unknown = json.product_ids?.find((product) => !listed.includes(product));
  return unknown === undefined ? null : `${unknown} is not a valid product`;
}

/** Returns what puts events into the connection's next message. */
function numberMessages(market: Market): (channel: string, events: string) => string {
  let sequence = 0;
  return (channel, events) => {
    const number = sequence;
    sequence += 1;
    const stamp = formatInstant(market.toldTime()).replace('Z', '000000Z');
    return (
      `{"channel":"${channel}","client_id":"","timestamp":"${stamp}",` +
      `"sequence_num":${number},"events":${events}}`
    );
  };
}

interface Heartbeats {
  turn(on: boolean): void;
  isOn(): boolean;
  /** The events of the beat that is due; null where none is. */
  beat(): string | null;
}

function createHeartbeats(market: Market, wallClock: Clock): Heartbeats {
  let beatAt: number | null = null;
  let count = 0;
  return {
    turn: (on) => {
      beatAt = on ? wallClock.now() : null;
    },
    isOn: () => beatAt !== null,
    beat: () => {
      if (beatAt === null || wallClock.now() - beatAt < HEARTBEAT_MS) return null;
      beatAt = wallClock.now();
      count += 1;
      const time = formatInstant(market.toldTime()).replace('T', ' ').replace('Z', ' +0000 UTC');
      return JSON.stringify([{ current_time: time, heartbeat_counter: String(count) }]);
    },
  };
}

function renderCandle(product: string, row: MarketRow): string {
  return (
    `{"start":"${row.openTime / 1000}","high":${textOf(row.high)},"low":${textOf(row.low)},` +
    `"open":${textOf(row.open)},"close":${textOf(row.close)},"volume":${textOf(row.volume)},` +
    `"product_id":${JSON.stringify(product)}}`
  );
}

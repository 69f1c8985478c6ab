/**
 * Hyperliquid's candles over WebSocket: frames to send, frames that come and what they mean. In: text
 * frames. Out: candles as they form, never a closed one: the venue does not say when it is. Pure: it
 * knows no socket.
 */
import type { Series } from '#core/candle.ts';
import { parseFrame } from '../frame.ts';
import type { StreamChannel } from '../mapper.ts';
import { mismatch } from '../mismatch.ts';
import { finding } from '../reject.ts';
import type { StreamContext, StreamMessage, StreamSeries, VenueStream } from '../venue.ts';
import { HYPERLIQUID_INTERVALS, mapHyperliquidCandle } from './map.ts';
import { CANDLE, FRAME, GREETING } from './wire.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

/** One for all widths: its name does not say which. */
export const CHANNELS: readonly StreamChannel[] = [
  { name: 'candle', intervals: HYPERLIQUID_INTERVALS },
];

/** @param url for example `wss://api.hyperliquid.xyz/ws`. */
export function createHyperliquidStream(url: string): VenueStream {
  return {
    intervals: HYPERLIQUID_INTERVALS,
    // The venue takes 1000 subscriptions from one address; the rest is for others behind it.
    seriesMax: 500,
    url: () => url,
    subscribe: (series) => series.map(subscription),
    // The venue ends a connection that has been silent for 60 s.
    keepAlive: { frame: '{"method":"ping"}', everyMs: 30_000 },
    // Longer than two pings: their pongs would have come.
    silenceMsMax: 65_000,
    // No end is documented; connections that never end are not to be relied on.
    lifetimeMsMax: DAY_MS,
    read: readFrame,
  };
}

function subscription({ instrument, interval }: StreamSeries): string {
  const asked = { type: 'candle', coin: instrument.venueSymbol, interval };
  return JSON.stringify({ method: 'subscribe', subscription: asked });
}

export function readFrame(frame: string, context: StreamContext): readonly StreamMessage[] {
  if (frame === GREETING) return [];
  const json = parseFrame(frame);
  if (json === undefined) {
    return [{ kind: 'reject', series: null, finding: finding('malformed_row', 'not JSON'), frame }];
  }
  if (!FRAME.Check(json)) return [noFrame(frame)];
  switch (json.channel) {
    case 'candle': {
      const rows = Array.isArray(json.data) ? (json.data as readonly unknown[]) : [json.data];
      return rows.flatMap((row) => readCandle(row, frame, context));
    }
    case 'subscriptionResponse':
      return [{ kind: 'subscribed' }];
    case 'error':
      return [{ kind: 'refused', reason: textOf(json.data) }];
    case 'pong':
      return [];
    default:
      return [noFrame(frame)];
  }
}

function noFrame(frame: string): StreamMessage {
  const reason = finding('malformed_row', 'not a frame that was asked for');
  return { kind: 'reject', series: null, finding: reason, frame };
}

function readCandle(row: unknown, frame: string, context: StreamContext): readonly StreamMessage[] {
  if (!CANDLE.Check(row)) {
    const reason = mismatch('a candle', CANDLE, row);
    return [{ kind: 'reject', series: null, finding: reason, frame }];
  }
  const found = context.series.find(
    ({ instrument, interval }) => instrument.venueSymbol === row.s && interval === row.i,
  );
  if (found === undefined) return [];
  const { exchange, marketType, symbol } = found.instrument;
  const series: Series = { exchange, marketType, symbol, interval: found.interval };
  const mapped = mapHyperliquidCandle(row, series, {
    isClosed: () => false,
    observedAt: context.receivedAt,
    source: 'ws',
  });
  if (!mapped.ok) return [{ kind: 'reject', series, finding: mapped, frame }];
  // A frame bears no stamp of its own.
  return [{ kind: 'candle', candle: mapped.candle, venueTime: null }];
}

function textOf(data: unknown): string {
  return typeof data === 'string' ? data : JSON.stringify(data ?? null);
}

/**
 * Coinbase's candles over WebSocket (Advanced Trade, no key): frames to send, frames that come and what
 * they mean. In: text frames. Out: five-minute candles as they form, never a closed one: the venue does
 * not say when it is. Every frame bears a number, so that lost ones are noticed. Pure: it knows no socket.
 */
import type { Series } from '#core/candle.ts';
import { parseInstant, type EpochMs } from '#core/time.ts';
import { parseFrame } from '../frame.ts';
import type { StreamChannel } from '../mapper.ts';
import { finding } from '../reject.ts';
import type { StreamContext, StreamMessage, StreamSeries, VenueStream } from '../venue.ts';
import { mapCoinbaseCandle, STREAM_INTERVAL } from './map.ts';
import { ADVANCED_CANDLE, CANDLES_EVENT, FRAME, NAMED_CANDLE, STREAM_ERROR } from './wire.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

/** Its name does not say the width, and there is only one. */
export const CHANNELS: readonly StreamChannel[] = [
  { name: 'candles', intervals: [STREAM_INTERVAL] },
];

/** @param url for example `wss://advanced-trade-ws.coinbase.com`. */
export function createCoinbaseStream(url: string): VenueStream {
  return {
    intervals: [STREAM_INTERVAL],
    seriesMax: 100,
    url: () => url,
    subscribe,
    // Heartbeats come each second and keep the connection open.
    keepAlive: null,
    silenceMsMax: 15_000,
    // No end is documented; connections that never end are not to be relied on.
    lifetimeMsMax: DAY_MS,
    read: readFrame,
  };
}

/** The first has to be there within 5 s of the connection. */
function subscribe(series: readonly StreamSeries[]): readonly string[] {
  const ids = series.map(({ instrument }) => instrument.venueSymbol);
  return [
    JSON.stringify({ type: 'subscribe', product_ids: ids, channel: 'candles' }),
    JSON.stringify({ type: 'subscribe', channel: 'heartbeats' }),
  ];
}

export function readFrame(frame: string, context: StreamContext): readonly StreamMessage[] {
  const json = parseFrame(frame);
  if (json === undefined) return [reject(null, 'not JSON', frame)];
  if (STREAM_ERROR.Check(json)) return [{ kind: 'refused', reason: json.message }];
  if (!FRAME.Check(json)) return [reject(null, 'not a frame of the venue', frame)];
  const messages: StreamMessage[] = [];
  if (json.sequence_num !== undefined) {
    messages.push({ kind: 'sequence', number: json.sequence_num });
  }
  if (json.channel === 'subscriptions') messages.push({ kind: 'subscribed' });
  if (json.channel !== 'candles') return messages;
  const venueTime = timeOf(json.timestamp);
  for (const event of json.events ?? []) {
    if (CANDLES_EVENT.Check(event)) {
      const told = event.candles.flatMap((row) => readCandle(row, venueTime, frame, context));
      messages.push(...told.toSorted((a, b) => openTimeOf(a) - openTimeOf(b)));
    } else {
      messages.push(reject(null, 'not an event of candles', frame));
    }
  }
  return messages;
}

function readCandle(
  row: unknown,
  venueTime: EpochMs | null,
  frame: string,
  context: StreamContext,
): readonly StreamMessage[] {
  if (!NAMED_CANDLE.Check(row) || !ADVANCED_CANDLE.Check(row)) {
    return [reject(null, 'not a candle of the venue', frame)];
  }
  const found = context.series.find(
    ({ instrument, interval }) =>
      interval === STREAM_INTERVAL &&
      (instrument.venueSymbol === row.product_id || instrument.aliases.includes(row.product_id)),
  );
  if (found === undefined) return [];
  const { exchange, marketType, symbol } = found.instrument;
  const series: Series = { exchange, marketType, symbol, interval: found.interval };
  const seen = { isClosed: () => false, observedAt: context.receivedAt, source: 'ws' };
  const mapped = mapCoinbaseCandle(row, series, seen);
  if (!mapped.ok) return [{ kind: 'reject', series, finding: mapped, frame }];
  return [{ kind: 'candle', candle: mapped.candle, venueTime }];
}

/** A snapshot comes in no order; oldest first, so that a later candle follows what it ends. */
function openTimeOf(message: StreamMessage): number {
  return message.kind === 'candle' ? message.candle.openTime : 0;
}

function reject(series: Series | null, detail: string, frame: string): StreamMessage {
  return { kind: 'reject', series, finding: finding('malformed_row', detail), frame };
}

function timeOf(timestamp: string | undefined): EpochMs | null {
  if (timestamp === undefined) return null;
  try {
    return parseInstant(timestamp);
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

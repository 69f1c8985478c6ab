/**
 * Binance USD-M candles over WebSocket: addresses, frames and what they mean. In: text frames. Out:
 * candles as they form; `k.x` alone says that one is closed. Pure: it knows no socket.
 *
 * Klines come from the `/market` root only. The roots without it still connect and subscribe, and
 * have told no kline since 2026-04-23.
 */
import type { Candle, Series } from '#core/candle.ts';
import { INTERVALS, nextOpen } from '#core/interval.ts';
import { parseDecimal, type DecimalString } from '#core/decimal.ts';
import { isEpochMs, type EpochMs } from '#core/time.ts';
import { finding, type Finding } from '../reject.ts';
import type { StreamContext, StreamMessage, StreamSeries, VenueStream } from '../venue.ts';
import { KLINE_EVENT, STREAM_REPLY, type KlineEvent } from './wire.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

/** @param root for example `wss://fstream.binance.com/market`. */
export function createBinanceStream(root: string): VenueStream {
  const base = root.replace(/\/+$/, '');
  return {
    intervals: INTERVALS,
    seriesMax: 200,
    url: (series) => `${base}/stream?streams=${series.map(streamName).join('/')}`,
    subscribe: () => [],
    // The venue pings by the protocol's own frames, which the transport answers.
    keepAlive: null,
    silenceMsMax: 60_000,
    // The venue ends a connection after 24 h.
    lifetimeMsMax: DAY_MS - 10 * 60_000,
    read,
  };
}

function streamName({ instrument, interval }: StreamSeries): string {
  return `${instrument.venueSymbol.toLowerCase()}@kline_${interval}`;
}

function read(frame: string, context: StreamContext): readonly StreamMessage[] {
  const json = parse(frame);
  if (json === undefined) {
    return [{ kind: 'reject', series: null, finding: finding('malformed_row', 'not JSON'), frame }];
  }
  if (STREAM_REPLY.Check(json)) {
    if (json.error === undefined) return [{ kind: 'subscribed' }];
    return [{ kind: 'refused', reason: `${json.error.code} ${json.error.msg}` }];
  }
  const data: unknown =
    typeof json === 'object' && json !== null && 'data' in json ? json.data : json;
  if (!KLINE_EVENT.Check(data)) {
    const reason = finding('malformed_row', 'not a kline event');
    return [{ kind: 'reject', series: null, finding: reason, frame }];
  }
  const found = context.series.find(
    ({ instrument, interval }) => instrument.venueSymbol === data.s && interval === data.k.i,
  );
  if (found === undefined) return [];
  const series: Series = {
    exchange: found.instrument.exchange,
    marketType: found.instrument.marketType,
    symbol: found.instrument.symbol,
    interval: found.interval,
  };
  const mapped = mapEvent(data, series, context.receivedAt);
  if (!mapped.ok) return [{ kind: 'reject', series, finding: mapped, frame }];
  return [{ kind: 'candle', candle: mapped.candle, venueTime: isEpochMs(data.E) ? data.E : null }];
}

function mapEvent(
  { k }: KlineEvent,
  series: Series,
  observedAt: EpochMs,
): { readonly ok: true; readonly candle: Candle } | Finding {
  if (!isEpochMs(k.t)) return finding('time_out_of_range', `open time ${k.t}`);
  const end = nextOpen(series.interval, k.t);
  if (k.T !== end - 1) return finding('wrong_width', `close time ${k.T} instead of ${end - 1}`);
  let problem: Finding | null = null;
  const exact = (name: string, text: string): DecimalString => {
    const result = parseDecimal(text);
    if (result.ok) return result.value;
    problem ??= finding(result.reason, `${name} "${text.slice(0, 60)}"`);
    return '0' as DecimalString;
  };
  const candle: Candle = {
    ...series,
    openTime: k.t,
    open: exact('open', k.o),
    high: exact('high', k.h),
    low: exact('low', k.l),
    close: exact('close', k.c),
    volume: exact('volume', k.v),
    quoteVolume: exact('quote volume', k.q),
    trades: k.n,
    takerBuyBase: exact('taker buy volume', k.V),
    takerBuyQuote: exact('taker buy quote volume', k.Q),
    isClosed: k.x,
    observedAt,
    source: 'ws',
  };
  return problem ?? { ok: true, candle };
}

function parse(frame: string): unknown {
  try {
    return JSON.parse(frame) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

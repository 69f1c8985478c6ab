/**
 * Binance's candles over WebSocket: addresses, frames and what they mean, for all its markets. In: text
 * frames. Out: candles as they form; `k.x` alone says that one is closed. Pure: it knows no socket.
 */
import type { Candle, Series } from '#core/candle.ts';
import { INTERVALS, type Interval } from '#core/interval.ts';
import { isEpochMs, type EpochMs } from '#core/time.ts';
import { parseFrame } from '../frame.ts';
import { endOf, exact, exactOrNull, type RowResult } from '../map-rows.ts';
import type { StreamChannel } from '../mapper.ts';
import { mismatch } from '../mismatch.ts';
import { finding, type Finding } from '../reject.ts';
import type { StreamContext, StreamMessage, StreamSeries, VenueStream } from '../venue.ts';
import { unwrap } from './map.ts';
import { KLINE_EVENT, STREAM_REPLY, type KlineEvent } from './wire.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
/** Longest query that proxies pass, with a name of at most 40 bytes for each series. */
const SERIES_MAX = 200;

/** One for each width, and the width is in its name. */
export const KLINE_CHANNELS: readonly StreamChannel[] = INTERVALS.map((interval) => ({
  name: `kline_${interval}`,
  intervals: [interval],
}));

export interface BinanceStreamOptions {
  /** For example `wss://fstream.binance.com/market`: what stands before `/stream`. */
  readonly root: string;
  readonly intervals: readonly Interval[];
}

export function createBinanceStream({ root, intervals }: BinanceStreamOptions): VenueStream {
  const base = root.replace(/\/+$/, '');
  return {
    intervals,
    seriesMax: SERIES_MAX,
    url: (series) => `${base}/stream?streams=${series.map(streamName).join('/')}`,
    subscribe: () => [],
    // The venue pings by the protocol's own frames, which the transport answers.
    keepAlive: null,
    silenceMsMax: 60_000,
    // The venue ends a connection after 24 h.
    lifetimeMsMax: DAY_MS - 10 * 60_000,
    read: readKlineFrame,
  };
}

function streamName({ instrument, interval }: StreamSeries): string {
  // Some symbols are not ASCII; the address has to be.
  return `${encodeURIComponent(instrument.venueSymbol.toLowerCase())}@kline_${interval}`;
}

export function readKlineFrame(frame: string, context: StreamContext): readonly StreamMessage[] {
  const json = parseFrame(frame);
  if (json === undefined) {
    return [{ kind: 'reject', series: null, finding: finding('malformed_row', 'not JSON'), frame }];
  }
  if (STREAM_REPLY.Check(json)) {
    if (json.error === undefined) return [{ kind: 'subscribed' }];
    return [{ kind: 'refused', reason: `${json.error.code} ${json.error.msg}` }];
  }
  const data = unwrap(json);
  if (!KLINE_EVENT.Check(data)) {
    const reason = mismatch('a kline event', KLINE_EVENT, data);
    return [{ kind: 'reject', series: null, finding: reason, frame }];
  }
  const found = context.series.find(
    ({ instrument, interval }) => instrument.venueSymbol === data.s && interval === data.k.i,
  );
  if (found === undefined) return [];
  const { exchange, marketType, symbol } = found.instrument;
  const series: Series = { exchange, marketType, symbol, interval: found.interval };
  const mapped = mapEvent(data, series, context.receivedAt);
  if (!mapped.ok) return [{ kind: 'reject', series, finding: mapped, frame }];
  return [{ kind: 'candle', candle: mapped.candle, venueTime: isEpochMs(data.E) ? data.E : null }];
}

function mapEvent({ k }: KlineEvent, series: Series, observedAt: EpochMs): RowResult {
  if (!isEpochMs(k.t)) return finding('time_out_of_range', `open time ${k.t}`);
  const end = endOf(series.interval, k.t);
  if (end === null) return finding('time_out_of_range', `open time ${k.t}`);
  if (k.T !== end - 1) return finding('wrong_width', `close time ${k.T} instead of ${end - 1}`);
  const problems: Finding[] = [];
  const candle: Candle = {
    ...series,
    openTime: k.t,
    open: exact(problems, 'open', k.o),
    high: exact(problems, 'high', k.h),
    low: exact(problems, 'low', k.l),
    close: exact(problems, 'close', k.c),
    volume: exactOrNull(problems, 'volume', k.v),
    quoteVolume: exactOrNull(problems, 'quote volume', k.q),
    trades: k.n,
    takerBuyBase: exactOrNull(problems, 'taker buy volume', k.V),
    takerBuyQuote: exactOrNull(problems, 'taker buy quote volume', k.Q),
    isClosed: k.x,
    observedAt,
    source: 'ws',
  };
  return problems[0] ?? { ok: true, candle };
}

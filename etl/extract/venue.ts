/**
 * What a venue is to the rest of the ETL: a few calls that fetch, a stream that tells, and pages of
 * candles that carry their own evidence (the exact answer, and every row that could not be mapped). A
 * venue adapter maps and drops nothing; whether a candle makes sense is judged in `etl/transform`.
 */
import type { CalendarId } from '#core/calendar.ts';
import type { Candle, MarketType, Series } from '#core/candle.ts';
import type { DecimalString } from '#core/decimal.ts';
import type { FundingRate } from '#core/funding.ts';
import type { Interval } from '#core/interval.ts';
import type { EpochMs } from '#core/time.ts';
import type { Finding, Reject } from './reject.ts';

export interface VenueAdapter {
  /** For example `binance-futures`. */
  readonly id: string;
  readonly marketType: MarketType;
  /** When it has candles; absent where its id and market type say it. */
  readonly calendar?: CalendarId | undefined;
  /** Intervals that the venue has, shortest first. */
  readonly intervals: readonly Interval[];
  /** How far back, in candles from the newest one, the venue answers; null where it has all. */
  readonly reachCandles: number | null;
  /** What reading history costs, for plans and estimates; absent where it is not known. */
  readonly candleCost?: CandleCost | undefined;
  /** The venue's clock: what decides which candles are closed. */
  fetchServerTime(signal?: AbortSignal): Promise<EpochMs>;
  /**
   * All instruments of this market type, trading or not. Learns the venue's limits on the way.
   * @param wanted symbols whose parts of the venue are to be asked for too, where the venue lists some
   * of its parts only by name.
   */
  fetchInstruments(
    signal?: AbortSignal,
    wanted?: readonly string[],
  ): Promise<readonly Instrument[]>;
  /**
   * The instrument that a text means: canonical `BASE/QUOTE`, the venue's own spelling in any case, or
   * an alias. The venue's list is remembered for a day at most, and asked for again before anything
   * is refused. @throws AppError WICK_ETL_UNSUPPORTED that lists what the venue has, or of the venue.
   */
  findInstrument(text: string, signal?: AbortSignal): Promise<Instrument>;
  /**
   * Candles of one series whose open time lies in `[from, to)`, oldest first, in pages as the venue
   * sends them. Nothing that opens after the venue's now is asked for; where something is, there is
   * at least one page, which may be empty.
   * @throws AppError WICK_ETL_UNSUPPORTED for a symbol or interval that the venue does not have,
   * WICK_ETL_VENUE_RATE_LIMITED, WICK_ETL_VENUE_HTTP or WICK_ETL_VENUE_PAYLOAD after bounded retries.
   */
  fetchCandles(request: CandleRequest): AsyncGenerator<CandlePage, void, undefined>;
  /**
   * Funding payments of one perpetual whose time lies in `[from, to)`, oldest first, in pages. Null
   * where the venue pays none. @throws as `fetchCandles`.
   */
  readonly fetchFunding:
    ((request: FundingRequest) => AsyncGenerator<FundingPage, void, undefined>) | null;
  /** How the venue tells candles as they form; null where it only answers. */
  readonly stream: VenueStream | null;
  /** Lets go of idle connections. */
  close(): void;
}

/** For estimates only: the rate gate counts what is really used. */
export interface CandleCost {
  /** Candles in a full page. */
  readonly pageCandles: number;
  /** Weight of a full page, in the venue's own unit; 1 where it counts requests. */
  readonly pageWeight: number;
  /** Weight that the venue allows in a minute. */
  readonly weightPerMinute: number;
}

export interface Instrument {
  readonly exchange: string;
  readonly marketType: MarketType;
  /** Canonical `BASE/QUOTE`. */
  readonly symbol: string;
  readonly base: string;
  readonly quote: string;
  /** The venue's own spelling. */
  readonly venueSymbol: string;
  /** Other spellings that mean this instrument, such as a second id of the venue for the same book. */
  readonly aliases: readonly string[];
  readonly isTrading: boolean;
  /** The venue's own word for it. */
  readonly venueStatus: string;
  /** When it was listed: no candle exists before. Null where the venue does not say. */
  readonly onboardTime: EpochMs | null;
  /** When it was or will be taken off; null where the venue does not say or it stays. */
  readonly delistTime: EpochMs | null;
  /** Smallest price step; null where the venue does not say. */
  readonly tickSize: DecimalString | null;
  /** Smallest quantity step; null where the venue does not say. */
  readonly stepSize: DecimalString | null;
}

export interface CandleRequest {
  /** Canonical `BASE/QUOTE`. */
  readonly symbol: string;
  readonly interval: Interval;
  readonly from: EpochMs;
  /** Exclusive. */
  readonly to: EpochMs;
  /** The venue's clock, if it was just asked; otherwise it is asked once at the start. */
  readonly venueNow?: EpochMs | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface CandlePage {
  readonly series: Series;
  /** Oldest first, no open time twice; only the last may still be open. */
  readonly candles: readonly ExtractedCandle[];
  /** Rows that could not be mapped. */
  readonly rejects: readonly Reject[];
  readonly raw: RawPayload;
  /** The venue's clock when closed and open were told apart. */
  readonly venueNow: EpochMs;
  /** The venue's own count of what we used in this minute; null where it does not say. */
  readonly weightUsed: number | null;
}

export interface ExtractedCandle {
  readonly candle: Candle;
  /** Position in the answer, from 0. */
  readonly index: number;
  /** The row as the venue sent it, parsed from JSON; a number that would lose digits stays text. */
  readonly row: unknown;
}

export interface FundingRequest {
  /** Canonical `BASE/QUOTE`. */
  readonly symbol: string;
  readonly from: EpochMs;
  /** Exclusive. */
  readonly to: EpochMs;
  readonly signal?: AbortSignal | undefined;
}

export interface FundingPage {
  readonly rates: readonly FundingRate[];
  /** Rows that could not be mapped. */
  readonly rejects: readonly Reject[];
  readonly raw: RawPayload;
}

/** The exact answer, where lineage ends. */
export interface RawPayload {
  readonly url: string;
  /** When it had arrived, our clock. */
  readonly fetchedAt: EpochMs;
  /** The text, character for character. */
  readonly body: string;
}

/** What one subscription is about. */
export interface StreamSeries {
  readonly instrument: Instrument;
  readonly interval: Interval;
}

/**
 * The venue's half of a stream: addresses, frames and what they mean. Pure: sockets, clocks, silence
 * and reconnecting are the transport's, which is one for all venues.
 */
export interface VenueStream {
  /** Intervals that can be streamed, shortest first. */
  readonly intervals: readonly Interval[];
  /** Series in one connection, at most. */
  readonly seriesMax: number;
  /** Where to connect for these series, for example `wss://host/market/ws`. */
  url(series: readonly StreamSeries[]): string;
  /** Frames to send once connected, in order; empty where the address says it all. */
  subscribe(series: readonly StreamSeries[]): readonly string[];
  /** What keeps the connection alive; null where pings of the protocol do. */
  readonly keepAlive: { readonly frame: string; readonly everyMs: number } | null;
  /** A connection without any frame for this long is dead, ms. */
  readonly silenceMsMax: number;
  /** A connection is replaced after this long, before the venue ends it, ms. */
  readonly lifetimeMsMax: number;
  /** What a frame says; one of a series nobody asked for says nothing. */
  read(frame: string, context: StreamContext): readonly StreamMessage[];
}

export interface StreamContext {
  readonly series: readonly StreamSeries[];
  /** When the frame arrived, our clock. */
  readonly receivedAt: EpochMs;
}

export type StreamMessage =
  /** Closed only where the venue itself says so. */
  | { readonly kind: 'candle'; readonly candle: Candle; readonly venueTime: EpochMs | null }
  | { readonly kind: 'subscribed' }
  /** The venue's number of a frame within this connection: a jump means that frames are lost. */
  | { readonly kind: 'sequence'; readonly number: number }
  /** The venue refuses what was asked; it will not help to ask again. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** It should have been a candle and is none. */
  | {
      readonly kind: 'reject';
      readonly series: Series | null;
      readonly finding: Finding;
      readonly frame: string;
    };

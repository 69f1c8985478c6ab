/**
 * What a venue is to the rest of the ETL: a few calls that fetch, and pages of candles that carry
 * their own evidence (the exact answer, and every row that could not be mapped). A venue adapter
 * maps and drops nothing; whether a candle makes sense is judged in `etl/transform`.
 */
import type { Candle, MarketType, Series } from '#core/candle.ts';
import type { DecimalString } from '#core/decimal.ts';
import type { Interval } from '#core/interval.ts';
import type { EpochMs } from '#core/time.ts';
import type { Reject } from './reject.ts';

export interface VenueAdapter {
  /** For example `binance-futures`. */
  readonly id: string;
  readonly marketType: MarketType;
  /** Intervals that the venue has, shortest first. */
  readonly intervals: readonly Interval[];
  /** The venue's clock: what decides which candles are closed. */
  fetchServerTime(signal?: AbortSignal): Promise<EpochMs>;
  /** All instruments of this market type, trading or not. Learns the venue's limits on the way. */
  fetchInstruments(signal?: AbortSignal): Promise<readonly Instrument[]>;
  /**
   * Candles of one series whose open time lies in `[from, to)`, oldest first, in pages as the venue
   * sends them. Nothing that opens after the venue's now is asked for; where something is, there is
   * at least one page, which may be empty.
   * @throws AppError WICK_ETL_UNSUPPORTED for a symbol or interval that the venue does not have,
   * WICK_ETL_VENUE_RATE_LIMITED, WICK_ETL_VENUE_HTTP or WICK_ETL_VENUE_PAYLOAD after bounded retries.
   */
  fetchCandles(request: CandleRequest): AsyncGenerator<CandlePage, void, undefined>;
  /** Lets go of idle connections. */
  close(): void;
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
  readonly isTrading: boolean;
  /** The venue's own word for it. */
  readonly venueStatus: string;
  /** When it was listed: no candle exists before. Null where the venue does not say. */
  readonly onboardTime: EpochMs | null;
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
  /** The row as the venue sent it, parsed from JSON. */
  readonly row: unknown;
}

/** The exact answer, where lineage ends. */
export interface RawPayload {
  readonly url: string;
  /** When it had arrived, our clock. */
  readonly fetchedAt: EpochMs;
  /** The text, character for character. */
  readonly body: string;
}

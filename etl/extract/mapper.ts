/**
 * The pure half of a venue: its words into ours, without socket and without clock. In: the text of an
 * answer or of a stream's frame. Out: candles, funding payments or instruments, and for each part that
 * cannot be mapped one reason. The REST client, `wick normalize`, the contract suite and the fuzz test
 * all use the same mapper, so what is tested is what runs. It judges no price: `etl/transform` does.
 */
import type { MarketType, Series } from '#core/candle.ts';
import type { FundingRate } from '#core/funding.ts';
import type { Interval } from '#core/interval.ts';
import type { EpochMs } from '#core/time.ts';
import type { Reject } from './reject.ts';
import type { ExtractedCandle, Instrument, StreamContext, StreamMessage } from './venue.ts';

export interface VenueMapper {
  /** Venue id, for example `binance-futures`. */
  readonly id: string;
  readonly marketType: MarketType;
  /** Intervals that the venue answers for, shortest first. */
  readonly intervals: readonly Interval[];
  /** Reads an answer so that no digit is lost. @throws SyntaxError for what is not JSON. */
  parse(text: string): unknown;
  /** Candles oldest first, each open time once; null for a shape that is not documented. */
  mapCandles(json: unknown, context: CandleContext): MappedRows | null;
  /** Null for a shape that is not documented. */
  mapInstruments(json: unknown): MappedInstruments | null;
  /** Null where the venue pays no funding; it gives null for a shape that is not documented. */
  readonly mapFunding: ((json: unknown, context: FundingContext) => MappedFunding | null) | null;
  /** Channels of candles, by the names that the venue itself has for them. */
  readonly channels: readonly StreamChannel[];
  /**
   * The venue's words where an answer, or a text that is no JSON, is its error; null for all else. It is
   * asked by people's tools alone: REST goes by the status of the answer.
   */
  errorOf(json: unknown): string | null;
  /** What a frame says. */
  readStream(frame: string, context: StreamContext): readonly StreamMessage[];
  /**
   * What a spelling means by the venue's rules alone, without its list: canonical or the venue's own.
   * @throws AppError WICK_ETL_UNSUPPORTED that says why.
   */
  parseSymbol(text: string): VenueSymbol;
  /** The series that an answer or a frame names by itself, each once; none where it names none. */
  namesOf(json: unknown): readonly NamedSeries[];
}

export interface StreamChannel {
  /** For example `kline_1m`. */
  readonly name: string;
  /** Widths that it carries, shortest first; more than one where its name does not say the width. */
  readonly intervals: readonly Interval[];
}

export interface CandleContext {
  readonly series: Series;
  /** The range asked for, `[from, to)`. */
  readonly from: EpochMs;
  readonly to: EpochMs;
  /** The venue's clock: a candle is closed when its interval is over by it. */
  readonly venueNow: EpochMs;
  /** When the answer arrived, our clock. */
  readonly observedAt: EpochMs;
}

export interface MappedRows {
  readonly candles: ExtractedCandle[];
  readonly rejects: Reject[];
}

export interface FundingContext {
  /** Canonical `BASE/QUOTE`. */
  readonly symbol: string;
  /** The range asked for, `[from, to)`. */
  readonly from: EpochMs;
  readonly to: EpochMs;
  readonly observedAt: EpochMs;
}

export interface MappedFunding {
  /** Oldest first, each time once. */
  readonly rates: FundingRate[];
  readonly rejects: Reject[];
}

export interface MappedInstruments {
  readonly instruments: readonly Instrument[];
  readonly leftOut: readonly LeftOutInstrument[];
}

/** An entry of the venue's list that is no instrument of ours. */
export interface LeftOutInstrument {
  /** `unsupported` is sound but not of this market type, or another name for one that is listed. */
  readonly reason: 'malformed_row' | 'unsupported';
  readonly detail: string;
  /** Position in the list, from 0. */
  readonly index: number;
  readonly row: unknown;
}

export interface VenueSymbol {
  /** Canonical `BASE/QUOTE`. */
  readonly symbol: string;
  readonly base: string;
  readonly quote: string;
  readonly venueSymbol: string;
}

export interface NamedSeries {
  readonly venueSymbol: string;
  /** The venue's word for it; null where only the symbol is named. */
  readonly interval: string | null;
}

/**
 * What a web source is: the documents that it publishes and what they say. Pure: fetching, waiting,
 * remembering and making candles are the same for all and live beside this file. A source tells one
 * rate a day for each of its pairs.
 */
import type { CalendarId } from '#core/calendar.ts';
import type { MarketType } from '#core/candle.ts';
import type { DecimalString } from '#core/decimal.ts';
import { AppError } from '#core/errors.ts';
import type { EpochMs } from '#core/time.ts';
import type { Finding } from '../reject.ts';

/** Whom a source may be asked at, and how often. */
export interface FetchPolicy {
  /** Source id, for messages. */
  readonly source: string;
  /** `host` or `host:port`, exactly; also the only ones that a redirect may lead to. */
  readonly allowedHosts: readonly string[];
  /** Plain http as well; false wherever a source has https. */
  readonly allowHttp: boolean;
  /** Between the starts of two requests to one host, ms. */
  readonly minimumIntervalMs: number;
}

/** What kind of text an answer has to be. */
export type DocumentKind = 'xml' | 'html' | 'json' | 'text' | 'zip';

export interface WebDocument {
  readonly url: string;
  readonly kind: DocumentKind;
  /** The file wanted out of a zip. */
  readonly entry?: string;
  /** The day it was asked for; null where it holds many days, or the newest. */
  readonly day: EpochMs | null;
  /** How long it may be used again without asking, ms. */
  readonly goodMs: number;
}

/** Where the rates of a range are. */
export interface DocumentPlan {
  /** `each`: all of them. `first-that-covers`: the first that reaches back far enough. */
  readonly use: 'each' | 'first-that-covers';
  readonly documents: Iterable<WebDocument>;
}

export interface DayRange {
  /** UTC midnights, both inclusive. */
  readonly first: EpochMs;
  readonly last: EpochMs;
  readonly now: EpochMs;
  /** The pair as the source spells it. */
  readonly venueSymbol: string;
}

export interface WebSource {
  readonly id: string;
  readonly marketType: MarketType;
  /** Which days it has rates on. */
  readonly calendar: CalendarId;
  readonly policy: FetchPolicy;
  /** Where the pairs are listed, or the pairs where they are known without asking. */
  listing(now: EpochMs): WebDocument | readonly Listing[];
  plan(range: DayRange): DocumentPlan;
  /** @throws AppError WICK_ETL_VENUE_PAYLOAD for a text that is not what the source documents. */
  read(text: string, document: WebDocument): RateSheet;
}

/** A pair that a source has. */
export interface Listing {
  readonly venueSymbol: string;
  /** The currency that is priced, and the one that it is priced in. */
  readonly base: string;
  readonly quote: string;
  readonly isTrading: boolean;
  /** First day with a rate; null where the document does not say. */
  readonly firstDay: EpochMs | null;
  /** Day after the last rate; null where there is no last one. */
  readonly endDay: EpochMs | null;
}

/** What one document says. */
export interface RateSheet {
  readonly listings: readonly Listing[];
  /** The earliest day it tells of; null where it tells of none. */
  readonly oldest: EpochMs | null;
  /** The rates of one pair, in the order of the document. */
  cells(venueSymbol: string): readonly RateCell[];
}

export interface RateCell {
  /** The day the rate is for, UTC midnight; null where it cannot be read. */
  readonly day: EpochMs | null;
  readonly rate: { readonly ok: true; readonly value: DecimalString } | Finding;
  /** Position of the row in the document, from 0. */
  readonly index: number;
  /** What the document says there, word for word. */
  readonly row: Readonly<Record<string, string | null>>;
}

/** A document that is not what its source documents. @param what ends the sentence. */
export function unreadable(source: string, url: string, what: string): AppError {
  return new AppError(
    'WICK_ETL_VENUE_PAYLOAD',
    `${source} answered ${url} with something else than it documents: ${what}; ` +
      'the source may have changed, or an outage page stands in between',
    { retryable: true, details: { source, url, what } },
  );
}

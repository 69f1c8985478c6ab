/**
 * Rates of a document as a page of candles. In: what a document says, and which days of which pair are
 * wanted. Out: a candle for each of those days, open, high, low and close being its rate, and a reject
 * for each cell of them that is no rate. A day is told once; the second time it is refused.
 */
import type { Series } from '#core/candle.ts';
import { nextOpen } from '#core/interval.ts';
import type { EpochMs } from '#core/time.ts';
import { finding, type Reject } from '../reject.ts';
import type { CandlePage, ExtractedCandle } from '../venue.ts';
import type { ReadDocument } from './document-cache.ts';
import type { RateCell, WebDocument } from './source.ts';

/** What is asked of a document. */
export interface WantedRates {
  readonly series: Series;
  readonly venueSymbol: string;
  readonly venueNow: EpochMs;
  readonly first: EpochMs;
  readonly last: EpochMs;
}

/** The page of one document. */
export function toPage(
  wanted: WantedRates,
  document: WebDocument,
  { raw, sheet }: ReadDocument,
): CandlePage {
  const { series, venueSymbol, venueNow } = wanted;
  // What was fetched before a day was over cannot say how it ended.
  const judgedAt = Math.min(venueNow, raw.fetchedAt);
  const candles: ExtractedCandle[] = [];
  const rejects: Reject[] = [];
  const seen = new Set<EpochMs>();
  for (const cell of sheet.cells(venueSymbol)) {
    const told = tell(cell, wanted, document);
    if (told === 'not wanted') continue;
    const { day, index, row } = cell;
    const problem =
      told ??
      (day !== null && seen.has(day) ? finding('duplicate', 'the day for a second time') : null);
    if (problem !== null || day === null || !cell.rate.ok) {
      const { reason, detail } = problem ?? finding('malformed_row', 'no rate');
      rejects.push({ series, openTime: day, reason, detail, index, rawRow: JSON.stringify(row) });
      continue;
    }
    seen.add(day);
    const { value } = cell.rate;
    candles.push({
      candle: {
        ...series,
        openTime: day,
        open: value,
        high: value,
        low: value,
        close: value,
        volume: null,
        quoteVolume: null,
        trades: null,
        takerBuyBase: null,
        takerBuyQuote: null,
        isClosed: nextOpen(series.interval, day) <= judgedAt,
        observedAt: raw.fetchedAt,
        source: 'web',
      },
      index,
      row,
    });
  }
  candles.sort((a, b) => a.candle.openTime - b.candle.openTime);
  return { series, candles, rejects, raw, venueNow, weightUsed: null };
}

/** Why the cell is refused; null for a good one. Most cells of a document are about other days. */
function tell(
  { day, rate }: RateCell,
  { first, last }: WantedRates,
  document: WebDocument,
): ReturnType<typeof finding> | 'not wanted' | null {
  if (day === null) return rate.ok ? finding('time_out_of_range', 'no day that can be read') : rate;
  if (document.day !== null) {
    // An earlier day is how these sources say that the day asked for has no rate of its own.
    if (day < document.day) return 'not wanted';
    if (day > document.day) {
      return finding('not_asked_for', `the rate of another day, ${day} instead of ${document.day}`);
    }
  }
  if (day < first || day > last) return 'not wanted';
  return rate.ok ? null : rate;
}

/** All pages of a fetch, and what is in them. */
import type { Candle } from '#core/candle.ts';
import type { CandlePage, CandleRequest, VenueAdapter } from '../../etl/extract/venue.ts';

export async function collectPages(
  adapter: VenueAdapter,
  request: CandleRequest,
): Promise<CandlePage[]> {
  const pages: CandlePage[] = [];
  for await (const page of adapter.fetchCandles(request)) pages.push(page);
  return pages;
}

export function candlesOf(pages: readonly CandlePage[]): Candle[] {
  return pages.flatMap((page) => page.candles.map(({ candle }) => candle));
}

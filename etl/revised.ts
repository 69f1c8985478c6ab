/**
 * Whether a venue tells closed candles of a range otherwise than they are stored. In: a venue, a
 * pool, a range. Out: yes or no. It asks and compares, nothing more: what is found is stored by a
 * run, which asks again and keeps the evidence.
 */
import { hasNews } from './load/has-news.ts';
import type { IngestJob } from './ingest.ts';
import { validatePage } from './transform/validate.ts';

export type RangeToCompare = Pick<
  IngestJob,
  'adapter' | 'pool' | 'series' | 'from' | 'to' | 'venueNow' | 'signal'
>;

/** Rows that cannot be true do not count: a run is what parks them. @throws AppError of the venue. */
export async function isRevised({
  adapter,
  pool,
  series,
  ...range
}: RangeToCompare): Promise<boolean> {
  const { symbol, interval } = series;
  for await (const page of adapter.fetchCandles({ symbol, interval, ...range })) {
    const closed = validatePage(page).accepted.filter(({ isClosed }) => isClosed);
    if (await hasNews(pool, closed)) return true;
  }
  return false;
}

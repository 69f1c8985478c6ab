/**
 * What one subscriber has not heard yet of one series. In: the market as of now. Out: at most two
 * rows each time: the newest candle that has closed since, complete, and the newest one's opening
 * tick. Candles that came and went in between are not told: updates are coalesced, as a venue does
 * for a slow reader.
 */
import type { Market, MarketRow } from '../market.ts';
import type { Recording } from '../recording.ts';

/** Returns the function that tells what is new since it was last called. */
export function createTeller(market: Market, recording: Recording): () => readonly MarketRow[] {
  let told: MarketRow | null = null;
  return () => {
    const newest = market.newest(recording);
    if (newest === undefined) return [];
    const before: MarketRow | null = told;
    if (before === null) {
      told = newest;
      // What was over before anyone listened is no news.
      return newest.isOpen ? [newest] : [];
    }
    const from = before.isOpen ? before.openTime : before.openTime + 1;
    const isSame = newest.openTime === before.openTime && newest.isOpen === before.isOpen;
    if (isSame || newest.openTime < from) return [];
    told = newest;
    return market.rows(recording, { from, to: newest.openTime, limit: 2, keep: 'newest' });
  };
}

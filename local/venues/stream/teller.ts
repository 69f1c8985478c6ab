/**
 * What one subscriber is told of one series. In: the market as of now. Out: at most two rows each
 * time: the newest candle that has closed since, complete, and the newest one's opening tick. Candles
 * that came and went in between are not told: updates are coalesced, as a venue does for a slow reader.
 * While a candle forms its opening tick is told again every second: a market that is open is not silent.
 */
import type { Clock } from '#core/time.ts';
import type { Market, MarketRow } from '../market.ts';
import type { Recording } from '../recording.ts';

/** How long the same is not told again, ms of wall time. */
const REPEAT_MS = 1_000;

/** Returns the function that tells what is to be told since it was last called. */
export function createTeller(
  market: Market,
  recording: Recording,
  wallClock: Clock,
): () => readonly MarketRow[] {
  let told: MarketRow | null = null;
  let toldAt = wallClock.now();
  return () => {
    const newest = market.newest(recording);
    if (newest === undefined) return [];
    const before: MarketRow | null = told;
    if (before === null) {
      told = newest;
      toldAt = wallClock.now();
      // What was over before anyone listened is no news.
      return newest.isOpen ? [newest] : [];
    }
    const from = before.isOpen ? before.openTime : before.openTime + 1;
    const isSame = newest.openTime === before.openTime && newest.isOpen === before.isOpen;
    const isDue = wallClock.now() - toldAt >= REPEAT_MS;
    if (isSame && newest.isOpen && isDue) {
      toldAt = wallClock.now();
      return [newest];
    }
    if (isSame || newest.openTime < from) return [];
    told = newest;
    toldAt = wallClock.now();
    return market.rows(recording, { from, to: newest.openTime, limit: 2, keep: 'newest' });
  };
}

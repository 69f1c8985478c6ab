/**
 * Where the candles of a series belong, by what was asked for. In: a series. Out: a window from the
 * first candle that is stored or was asked for to the last one, or null where nobody ever asked. What
 * lies outside is nobody's gap: a range that was loaded once is not kept up to date by looking for gaps.
 */
import type { Series } from '#core/candle.ts';
import { epochMs } from '#core/time.ts';
import type { Pool } from '#platform/postgres.ts';
import { readAsked } from '../load/read-asked.ts';
import { readFirstOpen } from '../load/read-first-open.ts';
import { readRecentStart } from '../load/read-recent-start.ts';
import type { TimeRange } from './settle.ts';

export async function askedWindow(pool: Pool, series: Series): Promise<TimeRange | null> {
  const asked = await readAsked(pool, series);
  const first = await readFirstOpen(pool, series);
  const last = await readRecentStart(pool, series, 1);
  const starts = [asked?.from, first].filter((time) => time !== undefined && time !== null);
  const ends = [asked?.to, last === null ? null : last + 1];
  const known = ends.filter((time) => time !== undefined && time !== null);
  if (starts.length === 0 || known.length === 0) return null;
  return { from: epochMs(Math.min(...starts)), to: epochMs(Math.max(...known)) };
}

/**
 * Takes settled gaps as missing again, because somebody knows better: a venue was under maintenance,
 * a limit was lifted. In: a series and a range. Out: how many rows; what is filled or repaired stays.
 */
import type { Series } from '#core/candle.ts';
import type { Gap } from '#core/gap.ts';
import { inTransaction, type Pool } from '#platform/postgres.ts';
import { lockGaps, readGaps, writeGaps } from './gap-rows.ts';
import type { TimeRange } from './settle.ts';

export async function reopenGaps(pool: Pool, series: Series, range: TimeRange): Promise<number> {
  return inTransaction(pool, async (client) => {
    await lockGaps(client, series);
    const known = await readGaps(client, series, range);
    const reopened = known.map((gap) => reopen(gap, range));
    return writeGaps(client, series, known, reopened);
  });
}

/** A gap of the range that was settled, as missing again; others as they are. */
export function reopen(gap: Gap, range: TimeRange): Gap {
  const isSettled = gap.cause === 'venue_empty' || gap.cause === 'unrepairable';
  if (!isSettled || gap.from >= range.to || gap.to <= range.from) return gap;
  return { ...gap, cause: 'missing', attempts: 0, emptyAnswers: 0, resolvedAt: null };
}

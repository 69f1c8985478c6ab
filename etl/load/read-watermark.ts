/**
 * How far a series has been collected. In: a series. Out: the open time to go on from. It moves only
 * in the transaction that stores the candles before it, so going on from it after any crash neither
 * loses nor doubles. It says nothing of holes further back, so only runs that go on from where the
 * last one ended count: one that reads the newest candles, an old range or a gap leaves it alone.
 */
import type { Series } from '#core/candle.ts';
import type { EpochMs } from '#core/time.ts';
import type { Pool } from '#platform/postgres.ts';

/** Kinds of jobs that go on where they ended; a job's name in the record begins with its kind. */
const GOING_ON: readonly string[] = ['collect', 'recollect'];

const READ = `
  select watermark
  from market.ingest_runs
  where exchange = $1::text and market_type = $2::text and symbol = $3::text
    and interval = $4::text and watermark is not null
    and split_part(job, ':', 1) = any ($5::text[])
  order by watermark desc
  limit 1`;

/** Open time that follows the last closed candle stored; null for a series never collected. */
export async function readWatermark(pool: Pool, series: Series): Promise<EpochMs | null> {
  const result = await pool.query<{ watermark: EpochMs }>(READ, [
    series.exchange,
    series.marketType,
    series.symbol,
    series.interval,
    GOING_ON,
  ]);
  return result.rows[0]?.watermark ?? null;
}

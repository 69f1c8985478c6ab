/**
 * Where the newest closed candles of a series begin. In: a series, how many. Out: an open time. Only
 * candles that are stored count, so it never lies before the first one of the series.
 */
import type { Series } from '#core/candle.ts';
import type { EpochMs } from '#core/time.ts';
import type { Pool } from '#platform/postgres.ts';

const READ = `
  select min(open_time) as start
  from (
    select open_time
    from market.candles
    where exchange = $1::text and market_type = $2::text and symbol = $3::text
      and interval = $4::text and is_closed
    order by open_time desc
    limit $5::integer
  ) as recent`;

/** Open time of the oldest of the newest `count` closed candles; null for a series without any. */
export async function readRecentStart(
  pool: Pool,
  series: Series,
  count: number,
): Promise<EpochMs | null> {
  const result = await pool.query<{ start: EpochMs | null }>(READ, [
    series.exchange,
    series.marketType,
    series.symbol,
    series.interval,
    count,
  ]);
  return result.rows[0]?.start ?? null;
}

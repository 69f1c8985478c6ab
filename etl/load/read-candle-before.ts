/**
 * What a run goes on from: the range of the last closed candle before a time, so that a jump is seen
 * where a page begins too. In: a series, a time. Out: its high and low, or null without one.
 */
import type { Series } from '#core/candle.ts';
import { decimal } from '#core/decimal.ts';
import type { EpochMs } from '#core/time.ts';
import type { Pool } from '#platform/postgres.ts';
import { loadFailure } from './load-failure.ts';
import type { PriceRange } from '../transform/jump.ts';

const READ = `
  select high, low
  from market.candles
  where exchange = $1::text and market_type = $2::text and symbol = $3::text
    and interval = $4::text and is_closed and open_time < $5::timestamptz
  order by open_time desc
  limit 1`;

/** @throws AppError WICK_ETL_LOAD_FAILED */
export async function readCandleBefore(
  pool: Pool,
  series: Series,
  time: EpochMs,
): Promise<PriceRange | null> {
  const { exchange, marketType, symbol, interval } = series;
  try {
    const found = await pool.query<{ high: string; low: string }>(READ, [
      exchange,
      marketType,
      symbol,
      interval,
      new Date(time).toISOString(),
    ]);
    const [row] = found.rows;
    return row === undefined ? null : { high: decimal(row.high), low: decimal(row.low) };
  } catch (error) {
    throw loadFailure(error, 'tell the last candle', series);
  }
}

/** Where a series begins. In: a series. Out: the open time of the first stored candle, null without one. */
import type { Series } from '#core/candle.ts';
import type { EpochMs } from '#core/time.ts';
import type { Pool } from '#platform/postgres.ts';

const READ = `
  select min(open_time) as first
  from market.candles
  where exchange = $1::text and market_type = $2::text and symbol = $3::text
    and interval = $4::text`;

export async function readFirstOpen(
  pool: Pool,
  { exchange, marketType, symbol, interval }: Series,
): Promise<EpochMs | null> {
  const found = await pool.query<{ first: EpochMs | null }>(READ, [
    exchange,
    marketType,
    symbol,
    interval,
  ]);
  return found.rows[0]?.first ?? null;
}

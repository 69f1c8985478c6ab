/**
 * Which series Postgres holds candles of, in their order. In: how many at most. Out: their names, as
 * they are stored: whether anybody still knows such a venue or interval is not asked here.
 *
 * It hops along the primary key from series to series, so its cost grows with series and partitions,
 * not with candles: 500 series in 96 months take under a second, be it 1 M rows or 100 M.
 */
import type { MarketType } from '#core/candle.ts';
import type { Pool } from '#platform/postgres.ts';

/** The interval is text: an older or a newer version may have known others. */
export interface StoredName {
  readonly exchange: string;
  readonly marketType: MarketType;
  readonly symbol: string;
  readonly interval: string;
}

export const LIST_STORED_SERIES = `
  with recursive stored as (
    (
      select exchange, market_type, symbol, interval
      from market.candles
      order by exchange, market_type, symbol, interval
      limit 1
    )
    union all
    select next.*
    from stored, lateral (
      select candle.exchange, candle.market_type, candle.symbol, candle.interval
      from market.candles as candle
      where (candle.exchange, candle.market_type, candle.symbol, candle.interval)
        > (stored.exchange, stored.market_type, stored.symbol, stored.interval)
      order by candle.exchange, candle.market_type, candle.symbol, candle.interval
      limit 1
    ) as next
  )
  select exchange, market_type as "marketType", symbol, interval
  from stored
  limit $1::integer`;

export async function listStoredSeries(pool: Pool, max: number): Promise<readonly StoredName[]> {
  const { rows } = await pool.query<StoredName>(LIST_STORED_SERIES, [max]);
  return rows;
}

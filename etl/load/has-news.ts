/**
 * Whether a batch of candles would change the table, by the rule of told-candles. In: candles. Out:
 * yes or no. It reads only, so asking about candles that are known costs no WAL, not even a run's.
 */
import type { Candle } from '#core/candle.ts';
import type { Pool } from '#platform/postgres.ts';
import { arraysSql, columnArrays, openTimeBounds } from './candle-columns.ts';
import { toldCandlesSql } from './told-candles.ts';

const HAS_NEWS = `select exists (${toldCandlesSql(arraysSql(3))}) as has_news`;

/** True when one of the candles is absent or differs from what is stored. */
export async function hasNews(pool: Pool, candles: readonly Candle[]): Promise<boolean> {
  if (candles.length === 0) return false;
  const rows = candles.map((candle) => ({ candle, rawId: null }));
  const result = await pool.query<{ has_news: boolean }>(HAS_NEWS, [
    ...openTimeBounds(rows),
    ...columnArrays(rows),
  ]);
  return result.rows[0]?.has_news === true;
}

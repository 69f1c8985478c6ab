/**
 * The first candle of a series that counts. `setAnchors` gives one to series that have none, in the
 * transaction that stores their first candles and before them, so that a consumer of the stream knows
 * it when they come; `moveAnchor` takes it back once older candles are stored, all of them: each move
 * computes everything behind it anew.
 */
import type { Candle, Series } from '#core/candle.ts';
import { seriesKey } from '#core/candle.ts';
import type { EpochMs } from '#core/time.ts';
import type { Pool, PoolClient } from '#platform/postgres.ts';

const SET = `
  insert into market.anchors (exchange, market_type, symbol, interval, anchor)
  select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
  on conflict do nothing`;

/** Existing anchors stay; then nothing is written, not a byte of WAL. */
export async function setAnchors(client: PoolClient, candles: Iterable<Candle>): Promise<void> {
  const first = new Map<string, Candle>();
  let series: Candle | null = null;
  let key = '';
  for (const candle of candles) {
    // Nearly always all of them are of one series.
    if (series === null || !isSameSeries(series, candle)) {
      series = candle;
      key = seriesKey(candle);
    }
    const known = first.get(key);
    if (known === undefined || candle.openTime < known.openTime) first.set(key, candle);
  }
  // In one order everywhere: whoever gives an anchor waits for another who is about to give it too.
  const rows = [...first].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, candle]) => candle);
  await client.query(SET, [
    rows.map(({ exchange }) => exchange),
    rows.map(({ marketType }) => marketType),
    rows.map(({ symbol }) => symbol),
    rows.map(({ interval }) => interval),
    rows.map(({ openTime }) => new Date(openTime).toISOString()),
  ]);
}

function isSameSeries(a: Series, b: Series): boolean {
  return (
    a.symbol === b.symbol &&
    a.interval === b.interval &&
    a.exchange === b.exchange &&
    a.marketType === b.marketType
  );
}

const MOVE = `
  update market.anchors as a set
    anchor = (
      select c.open_time from market.candles as c
      where c.exchange = a.exchange and c.market_type = a.market_type
        and c.symbol = a.symbol and c.interval = a.interval and c.open_time >= $5::timestamptz
      order by c.open_time
      limit 1
    ),
    moved_at = now()
  where a.exchange = $1::text and a.market_type = $2::text and a.symbol = $3::text
    and a.interval = $4::text and a.anchor > $5::timestamptz
    and exists (
      select from market.candles as c
      where c.exchange = a.exchange and c.market_type = a.market_type
        and c.symbol = a.symbol and c.interval = a.interval
        and c.open_time >= $5::timestamptz and c.open_time < a.anchor
    )`;

/**
 * Makes everything stored from `from` on count.
 * @returns true when there was something that did not count before.
 */
export async function moveAnchor(pool: Pool, series: Series, from: EpochMs): Promise<boolean> {
  const { exchange, marketType, symbol, interval } = series;
  const values = [exchange, marketType, symbol, interval, new Date(from).toISOString()];
  const result = await pool.query(MOVE, values);
  return (result.rowCount ?? 0) > 0;
}

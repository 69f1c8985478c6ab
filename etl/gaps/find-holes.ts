/**
 * Where a series has no closed candle. In: a series, a window. Out: the ranges between stored candles,
 * not yet held against any calendar. Only the holes leave the database, not the candles. A candle
 * that is stored as still running, though its time is over, counts as absent.
 */
import type { Series } from '#core/candle.ts';
import { nominalWidthMs } from '#core/interval.ts';
import { epochMs, type EpochMs } from '#core/time.ts';
import type { PoolClient } from '#platform/postgres.ts';
import type { TimeRange } from './settle.ts';

const HOLES = `
  with stored as materialized (
    select open_time
    from market.candles
    where exchange = $1::text and market_type = $2::text and symbol = $3::text
      and interval = $4::text and is_closed
      and open_time >= $5::timestamptz and open_time < $6::timestamptz
  )
  select null::timestamptz as after, coalesce(min(open_time), $6::timestamptz) as before from stored
  union all
  select open_time, next_open
  from (
    select open_time, lead(open_time, 1, $6::timestamptz) over (order by open_time) as next_open
    from stored
  ) as neighbours
  where next_open > open_time + $7::bigint * interval '1 millisecond'
  order by after nulls first`;

const REPLACED = `
  select open_time
  from market.candles
  where exchange = $1::text and market_type = $2::text and symbol = $3::text
    and interval = $4::text and is_closed and source <> 'synthetic'
    and open_time >= $5::timestamptz and open_time < $6::timestamptz
  order by open_time`;

/** No month is shorter; wider than this apart, and something may be between. */
const MONTH_MS_MIN = 28 * 86_400_000;

export async function findHoles(
  client: PoolClient,
  series: Series,
  window: TimeRange,
): Promise<TimeRange[]> {
  const width = series.interval === '1M' ? MONTH_MS_MIN - 1 : nominalWidthMs(series.interval);
  const found = await client.query<{ after: EpochMs | null; before: EpochMs }>(HOLES, [
    ...placeOf(series, window),
    width,
  ]);
  return found.rows
    .map(({ after, before }) => ({
      from: after === null ? window.from : epochMs(after + 1),
      to: before,
    }))
    .filter(({ from, to }) => from < to);
}

/** Slots of a range that holds made-up candles in which a real one is stored. */
export async function findReplaced(
  client: PoolClient,
  series: Series,
  range: TimeRange,
): Promise<TimeRange[]> {
  const found = await client.query<{ open_time: EpochMs }>(REPLACED, placeOf(series, range));
  return found.rows.map(({ open_time: from }) => ({ from, to: epochMs(from + 1) }));
}

function placeOf(series: Series, { from, to }: TimeRange): string[] {
  return [
    series.exchange,
    series.marketType,
    series.symbol,
    series.interval,
    new Date(from).toISOString(),
    new Date(to).toISOString(),
  ];
}

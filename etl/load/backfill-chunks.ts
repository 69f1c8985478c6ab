/**
 * How far a backfill of a series is. In: a series and a range. Out: what is stored, by chunk, and the
 * ranges that were read whole. A range counts as read while at least as many closed candles of it are
 * stored as when it was marked: rows that were lost since are read again.
 */
import type { Series } from '#core/candle.ts';
import type { EpochMs } from '#core/time.ts';
import type { Pool } from '#platform/postgres.ts';

export interface TimeRange {
  readonly from: EpochMs;
  /** Exclusive. */
  readonly to: EpochMs;
}

export interface Coverage {
  /** Closed candles stored in the range, by number of the chunk since the epoch. */
  readonly stored: ReadonlyMap<number, number>;
  /** Ranges that were read whole, oldest first. */
  readonly done: readonly TimeRange[];
}

const STORED = `
  select (extract(epoch from open_time) * 1000)::bigint / $7::bigint as chunk, count(*) as candles
  from market.candles
  where exchange = $1::text and market_type = $2::text and symbol = $3::text
    and interval = $4::text and open_time >= $5::timestamptz and open_time < $6::timestamptz
    and is_closed
  group by 1`;

const DONE = `
  select range_from, range_to
  from market.backfill_chunks as mark
  where exchange = $1::text and market_type = $2::text and symbol = $3::text
    and interval = $4::text and range_to > $5::timestamptz and range_from < $6::timestamptz
    and candles <= (
      select count(*)
      from market.candles as stored
      where stored.exchange = mark.exchange and stored.market_type = mark.market_type
        and stored.symbol = mark.symbol and stored.interval = mark.interval
        and stored.open_time >= mark.range_from and stored.open_time < mark.range_to
        and stored.is_closed
    )
  order by range_from`;

/** @param chunkMs width of the chunks to count by, ms. */
export async function readCoverage(
  pool: Pool,
  series: Series,
  range: TimeRange,
  chunkMs: number,
): Promise<Coverage> {
  const place = [...keyOf(series), ...textsOf(range)];
  const stored = await pool.query<{ chunk: string; candles: string }>(STORED, [...place, chunkMs]);
  const done = await pool.query<{ range_from: EpochMs; range_to: EpochMs }>(DONE, place);
  return {
    stored: new Map(stored.rows.map(({ chunk, candles }) => [Number(chunk), Number(candles)])),
    done: done.rows.map(({ range_from: from, range_to: to }) => ({ from, to })),
  };
}

const MARK = `
  insert into market.backfill_chunks
    (exchange, market_type, symbol, interval, range_from, range_to, ingest_run_id, candles)
  select $1::text, $2::text, $3::text, $4::text, $5::timestamptz, $6::timestamptz, $7::bigint, count(*)
  from market.candles
  where exchange = $1::text and market_type = $2::text and symbol = $3::text
    and interval = $4::text and open_time >= $5::timestamptz and open_time < $6::timestamptz
    and is_closed
  on conflict (exchange, market_type, symbol, interval, range_from) do update set
    range_to = excluded.range_to,
    ingest_run_id = excluded.ingest_run_id,
    candles = excluded.candles,
    done_at = clock_timestamp()`;

/** Marks a range as read whole; its rows are stored. */
export async function markChunk(
  pool: Pool,
  series: Series,
  range: TimeRange,
  runId: bigint,
): Promise<void> {
  await pool.query(MARK, [...keyOf(series), ...textsOf(range), runId]);
}

function keyOf({ exchange, marketType, symbol, interval }: Series): readonly string[] {
  return [exchange, marketType, symbol, interval];
}

function textsOf({ from, to }: TimeRange): readonly string[] {
  return [from, to].map((time) => new Date(time).toISOString());
}

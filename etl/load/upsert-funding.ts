/**
 * Writes funding payments of one series into market.funding_rates, inside the caller's transaction.
 * In: payments, the period that names their series. Out: how many were new, changed, unchanged. A
 * payment that is known with the same values is left out before anything is locked, so an identical
 * re-fetch writes not one byte of WAL. A null never overwrites a value, and the period of a stored
 * payment never changes: it decides which partition its changes go to.
 */
import type { Series } from '#core/candle.ts';
import type { FundingRate } from '#core/funding.ts';
import type { EpochMs } from '#core/time.ts';
import type { Pool, PoolClient } from '#platform/postgres.ts';

export interface FundingRow {
  readonly rate: FundingRate;
  /** market.raw_payloads.id of the payload it was read from. */
  readonly rawId: bigint | null;
}

/** Rows by outcome; they add up to the batch. */
export interface FundingCounts {
  readonly inserted: number;
  readonly revised: number;
  /** Told nothing new, or were followed by another row of the same time in the batch. */
  readonly unchanged: number;
}

const differs = (fresh: string, stored: string): string => `(
  ${fresh}.rate <> ${stored}.rate
  or (${fresh}.mark_price is not null and ${fresh}.mark_price is distinct from ${stored}.mark_price)
  or (${fresh}.premium is not null and ${fresh}.premium is distinct from ${stored}.premium))`;

const UPSERT = `
  with fresh as (
    select *
    from unnest($6::timestamptz[], $7::numeric(38, 18)[], $8::numeric(38, 18)[],
      $9::numeric(38, 18)[], $10::timestamptz[], $11::text[], $12::bigint[])
      as u (funding_time, rate, mark_price, premium, observed_at, source, raw_id)
  ),
  told as (
    select fresh.*
    from fresh
    left join lateral (
      select funding_time, rate, mark_price, premium
      from market.funding_rates as k
      where k.exchange = $1::text and k.market_type = $2::text and k.symbol = $3::text
        and k.funding_time = fresh.funding_time
      offset 0
    ) as stored on true
    where stored.funding_time is null or ${differs('fresh', 'stored')}
  ),
  merged as (
    insert into market.funding_rates as f
      (exchange, market_type, symbol, interval, funding_time, rate, mark_price, premium,
       observed_at, source, raw_id, ingest_run_id)
    select $1::text, $2::text, $3::text, $4::text, told.*, $5::bigint
    from told
    order by funding_time
    on conflict on constraint funding_rates_once do update set
      rate = excluded.rate,
      mark_price = coalesce(excluded.mark_price, f.mark_price),
      premium = coalesce(excluded.premium, f.premium),
      observed_at = excluded.observed_at,
      source = excluded.source,
      raw_id = excluded.raw_id,
      ingest_run_id = excluded.ingest_run_id
    where ${differs('excluded', 'f')}
    returning old.funding_time is null as was_absent
  )
  select
    (count(*) filter (where was_absent))::integer as inserted,
    (count(*) filter (where not was_absent))::integer as revised
  from merged`;

const NEWEST = `
  select interval, funding_time from market.funding_rates
  where exchange = $1::text and market_type = $2::text and symbol = $3::text
  order by funding_time desc
  limit 1`;

export async function upsertFunding(
  client: PoolClient,
  series: Series,
  rows: readonly FundingRow[],
  ingestRunId: bigint,
): Promise<FundingCounts> {
  const last = new Map<EpochMs, FundingRow>();
  for (const row of rows) last.set(row.rate.fundingTime, row);
  const batch = [...last.values()];
  if (batch.length === 0) return { inserted: 0, revised: 0, unchanged: 0 };
  const found = await client.query<{ inserted: number; revised: number }>(UPSERT, [
    series.exchange,
    series.marketType,
    series.symbol,
    series.interval,
    ingestRunId,
    batch.map(({ rate }) => new Date(rate.fundingTime).toISOString()),
    batch.map(({ rate }) => rate.rate),
    batch.map(({ rate }) => rate.markPrice),
    batch.map(({ rate }) => rate.premium),
    batch.map(({ rate }) => new Date(rate.observedAt).toISOString()),
    batch.map(({ rate }) => rate.source),
    batch.map(({ rawId }) => rawId),
  ]);
  const { inserted = 0, revised = 0 } = found.rows[0] ?? {};
  return { inserted, revised, unchanged: rows.length - inserted - revised };
}

/** The newest stored payment of an instrument: its time, and the period that its series goes by. */
export async function readNewestFunding(
  pool: Pool,
  { exchange, marketType, symbol }: Omit<Series, 'interval'>,
): Promise<{ readonly period: string; readonly time: EpochMs } | null> {
  const found = await pool.query<{ interval: string; funding_time: EpochMs }>(NEWEST, [
    exchange,
    marketType,
    symbol,
  ]);
  const [row] = found.rows;
  return row === undefined ? null : { period: row.interval, time: row.funding_time };
}

-- What travels with the candles of a series, the latest state of each row by its place in the WAL: rows
-- written again change nothing. Candles are not touched by either table.

-- Candles that a series should have and has not, or had not, and why.
create table if not exists gaps (
  exchange LowCardinality(String),
  market_type LowCardinality(String),
  symbol LowCardinality(String),
  interval LowCardinality(String),
  gap_from DateTime64(3, 'UTC'),
  -- Exclusive.
  gap_to DateTime64(3, 'UTC'),
  candles UInt64,
  cause LowCardinality(String),
  attempts UInt32,
  empty_answers UInt32,
  first_seen_at DateTime64(3, 'UTC'),
  last_checked_at Nullable(DateTime64(3, 'UTC')),
  resolved_at Nullable(DateTime64(3, 'UTC')),
  detail Nullable(String),
  last_run_id Nullable(Int64),
  version UInt128,
  is_deleted UInt8
)
engine = ReplacingMergeTree(version, is_deleted)
partition by toYear(gap_from)
order by (exchange, market_type, symbol, interval, gap_from)
settings fsync_after_insert = 1, fsync_part_directory = 1;

-- What longs paid shorts, as a share of the position's value.
create table if not exists funding_rates (
  exchange LowCardinality(String),
  market_type LowCardinality(String),
  symbol LowCardinality(String),
  interval LowCardinality(String),
  funding_time DateTime64(3, 'UTC'),
  rate Decimal(38, 18),
  mark_price Nullable(Decimal(38, 18)),
  premium Nullable(Decimal(38, 18)),
  observed_at DateTime64(3, 'UTC'),
  source LowCardinality(String),
  ingest_run_id Nullable(Int64),
  raw_id Nullable(Int64),
  version UInt128,
  is_deleted UInt8
)
engine = ReplacingMergeTree(version, is_deleted)
partition by toYear(funding_time)
order by (exchange, market_type, symbol, interval, funding_time)
settings fsync_after_insert = 1, fsync_part_directory = 1;

create or replace view v_gaps as
  select exchange, market_type, symbol, interval, gap_from, gap_to, candles, cause, attempts,
         empty_answers, first_seen_at, last_checked_at, resolved_at, detail
  from gaps final;

create or replace view v_funding_rates as
  select exchange, market_type, symbol, interval, funding_time, rate, mark_price, premium,
         observed_at, source
  from funding_rates final;

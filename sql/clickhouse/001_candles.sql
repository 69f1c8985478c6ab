-- The latest state of each closed candle. A row is written again on every redelivery; the highest
-- version wins, so that changes nothing. version is the place in the WAL (commit LSN · 2^64 + record
-- LSN), never a clock or a Kafka offset. Partitioned by year: a batch may span many months, and
-- ClickHouse refuses blocks that span more than 100 partitions.
create table if not exists candles (
  exchange LowCardinality(String),
  market_type LowCardinality(String),
  symbol LowCardinality(String),
  interval LowCardinality(String),
  open_time DateTime64(3, 'UTC'),
  open Decimal(38, 18),
  high Decimal(38, 18),
  low Decimal(38, 18),
  close Decimal(38, 18),
  volume Nullable(Decimal(38, 18)),
  quote_volume Nullable(Decimal(38, 18)),
  trades Nullable(Int64),
  taker_buy_base Nullable(Decimal(38, 18)),
  taker_buy_quote Nullable(Decimal(38, 18)),
  revision UInt32,
  observed_at DateTime64(3, 'UTC'),
  source LowCardinality(String),
  version UInt128,
  is_deleted UInt8
)
engine = ReplacingMergeTree(version, is_deleted)
partition by toYear(open_time)
order by (exchange, market_type, symbol, interval, open_time)
-- An offset is committed only after its rows are on the disk, not merely in the page cache.
settings fsync_after_insert = 1, fsync_part_directory = 1;

-- Every change of a closed candle, in stream order: what was known when, and where it came from.
create table if not exists candle_revisions (
  exchange LowCardinality(String),
  market_type LowCardinality(String),
  symbol LowCardinality(String),
  interval LowCardinality(String),
  open_time DateTime64(3, 'UTC'),
  version UInt128,
  op LowCardinality(String),
  open Decimal(38, 18),
  high Decimal(38, 18),
  low Decimal(38, 18),
  close Decimal(38, 18),
  volume Nullable(Decimal(38, 18)),
  quote_volume Nullable(Decimal(38, 18)),
  trades Nullable(Int64),
  taker_buy_base Nullable(Decimal(38, 18)),
  taker_buy_quote Nullable(Decimal(38, 18)),
  revision UInt32,
  observed_at DateTime64(3, 'UTC'),
  source LowCardinality(String),
  ingest_run_id Nullable(Int64),
  raw_id Nullable(Int64),
  is_deleted UInt8,
  -- Lineage: null on incremental snapshot rows, which stand for no single WAL record.
  lsn Nullable(UInt64),
  tx_id Nullable(UInt64),
  committed_at DateTime64(3, 'UTC'),
  kafka_partition UInt16,
  kafka_offset UInt64
)
engine = ReplacingMergeTree
partition by toYear(open_time)
order by (exchange, market_type, symbol, interval, open_time, version)
settings fsync_after_insert = 1, fsync_part_directory = 1;

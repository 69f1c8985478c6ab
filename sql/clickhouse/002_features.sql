-- One row per closed candle and feature set. values follows the order of the set; a view per set
-- names them. version is that of the event that caused the row, candle_version that of the candle.
create table if not exists features (
  exchange LowCardinality(String),
  market_type LowCardinality(String),
  symbol LowCardinality(String),
  interval LowCardinality(String),
  feature_set LowCardinality(String),
  feature_set_version UInt16,
  open_time DateTime64(3, 'UTC'),
  feature_set_hash LowCardinality(String),
  status LowCardinality(String),
  values Array(Nullable(Float64)),
  candle_version UInt128,
  version UInt128,
  is_deleted UInt8
)
engine = ReplacingMergeTree(version, is_deleted)
partition by toYear(open_time)
order by (exchange, market_type, symbol, interval, feature_set, feature_set_version, open_time)
settings fsync_after_insert = 1, fsync_part_directory = 1;

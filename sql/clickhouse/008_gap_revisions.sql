-- Every change of every gap: what was known of the holes of a series at a place in the stream.
create table if not exists gap_revisions (
  exchange LowCardinality(String),
  market_type LowCardinality(String),
  symbol LowCardinality(String),
  interval LowCardinality(String),
  gap_from DateTime64(3, 'UTC'),
  version UInt128,
  -- Exclusive.
  gap_to DateTime64(3, 'UTC'),
  cause LowCardinality(String),
  is_deleted UInt8,
  kafka_partition UInt16,
  kafka_offset UInt64
)
engine = ReplacingMergeTree
order by (exchange, market_type, symbol, interval, gap_from, version)
settings fsync_after_insert = 1, fsync_part_directory = 1;

-- Every move of the first candle that counts, in stream order: what counted at a place in the stream.
create table if not exists anchors (
  exchange LowCardinality(String),
  market_type LowCardinality(String),
  symbol LowCardinality(String),
  interval LowCardinality(String),
  version UInt128,
  anchor DateTime64(3, 'UTC'),
  is_deleted UInt8,
  kafka_partition UInt16,
  kafka_offset UInt64
)
engine = ReplacingMergeTree
order by (exchange, market_type, symbol, interval, version)
settings fsync_after_insert = 1, fsync_part_directory = 1;

-- States of the series at the boundaries of a grid of candles, from which a late change is folded on.
-- A state holds all candles before its boundary, as they stood at version; of states of one version,
-- which only the rows of a snapshot share, the last written is the one.
create table if not exists waypoints (
  series String,
  producer LowCardinality(String),
  boundary DateTime64(3, 'UTC'),
  version UInt128,
  kafka_offset UInt64,
  state String,
  -- SHA-256 of state, hex.
  hash String
)
engine = ReplacingMergeTree(kafka_offset)
order by (series, producer, boundary, version)
settings fsync_after_insert = 1, fsync_part_directory = 1;

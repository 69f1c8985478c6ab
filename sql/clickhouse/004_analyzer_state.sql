-- Checkpoints of the analyzer. The row with the empty series is its partition's marker: every state
-- of that partition was durable when it was written, and consumption resumes at its offset.
create table if not exists analyzer_state (
  topic LowCardinality(String),
  kafka_partition UInt16,
  series String,
  -- The next offset to read.
  kafka_offset UInt64,
  -- The last event that the state holds; of a marker, the last of all its series.
  version UInt128,
  state String,
  -- SHA-256 of state, hex.
  hash String
)
-- By the place in the stream, which goes on rising when a topic is made anew and its offsets fall.
engine = ReplacingMergeTree(version)
order by (topic, kafka_partition, series)
settings fsync_after_insert = 1, fsync_part_directory = 1;

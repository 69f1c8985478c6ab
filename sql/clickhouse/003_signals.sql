-- The evaluation of every closed candle, with a status; scores are null where there is none.
-- model_version is empty where no model speaks.
create table if not exists signals (
  exchange LowCardinality(String),
  market_type LowCardinality(String),
  symbol LowCardinality(String),
  interval LowCardinality(String),
  feature_set LowCardinality(String),
  feature_set_version UInt16,
  rule_set LowCardinality(String),
  rule_set_version UInt16,
  model_version LowCardinality(String),
  open_time DateTime64(3, 'UTC'),
  status LowCardinality(String),
  decision LowCardinality(Nullable(String)),
  rule_score_long Nullable(Float64),
  rule_score_short Nullable(Float64),
  ml_prob_long Nullable(Float64),
  ml_prob_short Nullable(Float64),
  final_score_long Nullable(Float64),
  final_score_short Nullable(Float64),
  score_basis LowCardinality(Nullable(String)),
  fired Array(LowCardinality(String)),
  candle_version UInt128,
  version UInt128,
  is_deleted UInt8
)
engine = ReplacingMergeTree(version, is_deleted)
partition by toYear(open_time)
order by (exchange, market_type, symbol, interval, feature_set, feature_set_version, rule_set,
          rule_set_version, model_version, open_time)
settings fsync_after_insert = 1, fsync_part_directory = 1;

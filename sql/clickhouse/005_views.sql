-- For people and dashboards: one current row per key, without versions. The view of each feature
-- set (v_features_core_v1, …) is made by the migration command from the set itself.
create or replace view v_candles as
  select exchange, market_type, symbol, interval, open_time, open, high, low, close, volume,
         quote_volume, trades, taker_buy_base, taker_buy_quote, revision, observed_at, source
  from candles final;

create or replace view v_signals as
  select exchange, market_type, symbol, interval, open_time, status, decision, rule_score_long,
         rule_score_short, ml_prob_long, ml_prob_short, final_score_long, final_score_short,
         score_basis, fired,
         concat(feature_set, '.v', toString(feature_set_version)) as feature_set,
         concat(rule_set, '.v', toString(rule_set_version)) as rule_set,
         model_version
  from signals final;

create or replace view v_candle_revisions as
  select exchange, market_type, symbol, interval, open_time, op, open, high, low, close, volume,
         quote_volume, trades, taker_buy_base, taker_buy_quote, revision, observed_at, source,
         is_deleted, ingest_run_id, raw_id, lsn, tx_id, committed_at, kafka_partition, kafka_offset
  from candle_revisions final;

-- Between which times a series was asked for, whatever came: candles that are missing before the first
-- stored one, or after the last, are gaps only in there. Runs that repair or fill ask for nothing new,
-- and runs of funding go by a period that is no width of candles.
create index ingest_runs_asked_from on market.ingest_runs
  (exchange, market_type, symbol, interval, range_from)
  where split_part(job, ':', 1) in ('collect', 'recollect', 'backfill', 'run', 'stream', 'stream-check');
create index ingest_runs_asked_to on market.ingest_runs
  (exchange, market_type, symbol, interval, range_to desc)
  where split_part(job, ':', 1) in ('collect', 'recollect', 'backfill', 'run', 'stream', 'stream-check');

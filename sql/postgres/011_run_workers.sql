-- Which process a run belongs to. Each process that opens runs holds an advisory lock for its worker's
-- name as long as it lives, and opens them on the session that holds it. So a running run whose lock is
-- free belongs to nobody any more, and anybody may close it.
alter table market.ingest_runs
  -- host:pid:random; null for runs of versions before this one.
  add column worker text check (worker <> '');

comment on column market.ingest_runs.worker is
  'Process that opened the run; it holds the advisory lock of this name while it lives';

drop index market.ingest_runs_running;
create index ingest_runs_running on market.ingest_runs (worker, job) where state = 'running';

-- Of these nobody can tell whether their process lives. If one does, its next batch is refused and its
-- job runs again.
update market.ingest_runs set
  state = 'failed',
  error = 'abandoned: it was running when workers began to be recorded',
  finished_at = clock_timestamp()
where state = 'running';

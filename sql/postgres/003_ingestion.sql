-- What the loader did and what it did it with: runs, raw payloads, refused rows.
-- None of it is published: it stays in Postgres, and lineage ends here.

create table market.ingest_runs (
  id bigint generated always as identity primary key,
  job text not null check (job <> ''),
  exchange text not null,
  market_type text not null,
  symbol text not null,
  interval text not null,
  state text not null default 'running' check (state in ('running', 'done', 'failed')),
  started_at timestamptz not null default now(),
  finished_at timestamptz,
  -- Open times asked for, half-open.
  range_from timestamptz not null,
  range_to timestamptz not null,
  -- Rows by outcome. fetched = inserted + revised + closed + updated_open + unchanged + quarantined.
  fetched bigint not null default 0 check (fetched >= 0),
  inserted bigint not null default 0 check (inserted >= 0),
  revised bigint not null default 0 check (revised >= 0),
  closed bigint not null default 0 check (closed >= 0),
  updated_open bigint not null default 0 check (updated_open >= 0),
  unchanged bigint not null default 0 check (unchanged >= 0),
  quarantined bigint not null default 0 check (quarantined >= 0),
  -- Raw payloads read; equal ones are stored once.
  raw bigint not null default 0 check (raw >= 0),
  error text,
  -- Open time that follows the last closed candle this run stored; null until there is one.
  watermark timestamptz,
  check ((state = 'running') = (finished_at is null)),
  check ((state = 'failed') = (error is not null)),
  check (range_from <= range_to)
);

create index ingest_runs_watermark on market.ingest_runs
  (exchange, market_type, symbol, interval, watermark desc) where watermark is not null;
create index ingest_runs_running on market.ingest_runs (job) where state = 'running';

-- Exact response texts, compressed. Partitioned by our clock so that retention drops whole months.
create table market.raw_payloads (
  -- Unique by its sequence; a primary key would have to contain fetched_at.
  id bigint generated always as identity,
  ingest_run_id bigint not null,
  url text not null,
  fetched_at timestamptz not null,
  -- Of the uncompressed text in UTF-8.
  sha256 bytea not null check (octet_length(sha256) = 32),
  encoding text not null check (encoding in ('zstd')),
  body bytea not null,
  primary key (id, fetched_at)
) partition by range (fetched_at);

create index raw_payloads_sha256 on market.raw_payloads (sha256);

-- Already compressed: a second compression would only cost time.
alter table market.raw_payloads alter column body set storage external;

create table market.quarantine (
  id bigint generated always as identity primary key,
  ingest_run_id bigint not null references market.ingest_runs,
  raw_id bigint,
  exchange text not null,
  market_type text not null,
  symbol text not null,
  interval text not null,
  -- Null where the row's time cannot be read.
  open_time timestamptz,
  reason text not null check (reason <> ''),
  detail text not null,
  raw_row text not null,
  row_sha256 bytea not null check (octet_length(row_sha256) = 32),
  created_at timestamptz not null default now(),
  redriven_at timestamptz,
  -- A row that is refused again on each fetch is one finding, not many.
  unique (exchange, market_type, symbol, interval, reason, row_sha256)
);

create index quarantine_pending on market.quarantine (created_at) where redriven_at is null;
create index quarantine_run on market.quarantine (ingest_run_id);

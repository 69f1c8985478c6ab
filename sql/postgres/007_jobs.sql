-- What the scheduler is to do, what it did, and how far each backfill is. None of it is published.
-- Postgres alone holds this state: any scheduler can die at any line, and another one goes on.

create table market.jobs (
  name text primary key check (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  kind text not null check (kind <> ''),
  -- What its times follow from, as declared. Another one is planned anew.
  timing text not null,
  state text not null default 'idle' check (state in ('idle', 'running', 'retrying')),
  -- When it is due; null while it waits for the jobs before it.
  next_at timestamptz,
  -- Attempts in the round at hand, or in the last one.
  attempt integer not null default 0 check (attempt >= 0),
  -- When its last round began; later successes of the jobs before it begin the next one.
  round_at timestamptz,
  succeeded_at timestamptz,
  -- Of the last attempt; null when it was done.
  error text
);

create table market.job_runs (
  id bigint generated always as identity primary key,
  job text not null check (job <> ''),
  kind text not null check (kind <> ''),
  -- The moment the round was due; attempts of one round share it.
  due_at timestamptz not null,
  attempt integer not null check (attempt >= 1),
  -- host:pid of the scheduler.
  worker text not null check (worker <> ''),
  state text not null default 'running' check (state in ('running', 'done', 'failed')),
  started_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  -- Rows stored or changed.
  wrote bigint not null default 0 check (wrote >= 0),
  -- What the kind of job counts.
  report jsonb,
  error text,
  -- When the job was to run next, as planned at the end of this attempt.
  next_at timestamptz,
  check ((state = 'running') = (finished_at is null)),
  check ((state = 'failed') = (error is not null))
);

create index job_runs_job on market.job_runs (job, id desc);
create unique index job_runs_one_running on market.job_runs (job) where state = 'running';

-- Ranges of a series that a backfill has read whole. A chunk is marked after its rows are stored, so
-- a backfill that dies reads at most the chunks in hand again, which changes nothing.
create table market.backfill_chunks (
  exchange text not null,
  market_type text not null,
  symbol text not null,
  interval text not null,
  -- Open times, half-open.
  range_from timestamptz not null,
  range_to timestamptz not null,
  -- Closed candles that were stored then. Fewer today: the mark is not believed.
  candles bigint not null check (candles >= 0),
  ingest_run_id bigint not null,
  done_at timestamptz not null default clock_timestamp(),
  primary key (exchange, market_type, symbol, interval, range_from),
  check (range_from < range_to)
);

-- A venue gives the spelling of an instrument that it took off to another one.
alter table market.symbols
  drop constraint symbols_exchange_market_type_venue_symbol_key;
create unique index symbols_venue_symbol on market.symbols (exchange, market_type, venue_symbol)
  where status <> 'delisted';

-- Adapters say which intervals they have, not how the venue spells them.
alter table market.supported_intervals alter column venue_interval drop not null;

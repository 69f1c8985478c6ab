-- What the sentinel found: closed candles that a venue's stream and its own answers tell differently.
-- One row per candle, the first finding; agreement is counted, not kept. Not published.

create table market.stream_checks (
  exchange text not null,
  market_type text not null,
  symbol text not null,
  interval text not null,
  open_time timestamptz not null,
  -- differs: both have it, with other values. not_streamed: the stream was up and never told it.
  -- absent_at_venue: the stream told it and the venue does not have it when asked.
  verdict text not null check (verdict in ('differs', 'not_streamed', 'absent_at_venue')),
  -- Whether the venue itself had called the streamed candle closed; null where none was streamed.
  said_closed boolean,
  -- Market values as text; null where that side has none.
  streamed jsonb,
  answered jsonb,
  found_at timestamptz not null,
  primary key (exchange, market_type, symbol, interval, open_time),
  check ((streamed is null) = (verdict = 'not_streamed')),
  check ((answered is null) = (verdict = 'absent_at_venue')),
  check ((streamed is null) = (said_closed is null))
);

create index stream_checks_found on market.stream_checks (found_at);

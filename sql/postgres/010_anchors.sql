-- The first candle of each series that counts. Older ones are stored but do not cascade: history that
-- is read backwards, chunk by chunk, under a live series would otherwise be computed anew with each
-- chunk. Moving an anchor is one deliberate step. Published, and rides with the candles of its series,
-- so that what counts is decided by one ordered stream.

create table market.anchors (
  exchange text not null,
  market_type text not null,
  symbol text not null,
  interval text not null,
  -- Open time of the first candle that counts.
  anchor timestamptz not null,
  moved_at timestamptz not null default now(),
  primary key (exchange, market_type, symbol, interval),
  constraint anchors_series_named check (exchange <> '' and symbol <> '' and interval <> ''),
  constraint anchors_market_type_known check (market_type in ('spot', 'perp', 'fx', 'equity'))
);

alter table market.anchors replica identity default;
comment on table market.anchors is 'First candle of each series that counts; older ones are stored only';

-- Everything that is stored already has counted so far.
insert into market.anchors (exchange, market_type, symbol, interval, anchor)
select exchange, market_type, symbol, interval, min(open_time)
from market.candles
group by exchange, market_type, symbol, interval;

alter publication wickstream add table market.anchors;

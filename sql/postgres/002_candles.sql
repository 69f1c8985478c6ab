-- The candles: the latest known state of each. The history of a closed candle is kept downstream,
-- where every change arrives with its place in the WAL.
--
-- The key is natural and all text + timestamptz: it becomes the Kafka key, and change capture
-- chunks its re-snapshots by it, so it must be unique and must not need a lookup to read.
--
-- No foreign keys. One to symbols would lock and log a catalogue row with each batch and would
-- refuse history of an instrument that the catalogue no longer lists. One to raw_payloads cannot
-- be: that table is partitioned by another column and is dropped sooner. ingest_run_id and raw_id
-- are lineage, followed while their targets live.
--
-- numeric(38,18) refuses the infinities by itself but takes NaN, and NaN is greater than every
-- number: "> 0" lets it pass, "< 'infinity'" does not.

create table market.candles (
  exchange text not null,
  market_type text not null,
  symbol text not null,
  interval text not null,
  open_time timestamptz not null,
  open numeric(38, 18) not null,
  high numeric(38, 18) not null,
  low numeric(38, 18) not null,
  close numeric(38, 18) not null,
  -- Optional values are null where the source has none, never 0.
  volume numeric(38, 18),
  quote_volume numeric(38, 18),
  trades bigint,
  taker_buy_base numeric(38, 18),
  taker_buy_quote numeric(38, 18),
  is_closed boolean not null,
  -- Changes since the candle was first stored closed. Stays 0 while open and on closing.
  revision integer not null default 0,
  -- Our clock, when the stored values were seen.
  observed_at timestamptz not null,
  -- How the stored values reached us: rest, ws, bulk, …
  source text not null,
  ingest_run_id bigint,
  raw_id bigint,
  primary key (exchange, market_type, symbol, interval, open_time),
  constraint candles_series_named check (exchange <> '' and symbol <> '' and interval <> ''),
  constraint candles_market_type_known check (market_type in ('spot', 'perp', 'fx', 'equity')),
  constraint candles_open_positive check (open > 0 and open < 'infinity'),
  constraint candles_high_positive check (high > 0 and high < 'infinity'),
  constraint candles_low_positive check (low > 0 and low < 'infinity'),
  constraint candles_close_positive check (close > 0 and close < 'infinity'),
  constraint candles_high_is_highest check (high >= greatest(open, close)),
  constraint candles_low_is_lowest check (low <= least(open, close)),
  constraint candles_volume_valid check (volume >= 0 and volume < 'infinity'),
  constraint candles_quote_volume_valid check (quote_volume >= 0 and quote_volume < 'infinity'),
  constraint candles_taker_buy_base_valid check (taker_buy_base >= 0 and taker_buy_base < 'infinity'),
  constraint candles_taker_buy_quote_valid check (taker_buy_quote >= 0 and taker_buy_quote < 'infinity'),
  constraint candles_trades_valid check (trades >= 0),
  constraint candles_revision_valid check (revision = 0 or (revision > 0 and is_closed))
) partition by range (open_time);

-- Change capture reads only the key of the old row, and the key is the primary key.
alter table market.candles replica identity default;

comment on table market.candles is 'Latest known state of each candle; partitioned by month of open_time';
comment on column market.candles.revision is 'Changes since first stored closed; 0 while open and on closing';
comment on column market.candles.raw_id is 'market.raw_payloads.id while that payload is retained; no foreign key';

-- Perpetual futures only, for people and dashboards.
create view market.futures_candles as
  select exchange, symbol, interval, open_time, open, high, low, close, volume, quote_volume, trades,
         taker_buy_base, taker_buy_quote, is_closed, revision, observed_at, source
  from market.candles
  where market_type = 'perp';

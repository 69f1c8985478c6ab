-- What is missing, and what perpetuals pay. Both are published, and ride in the topic and partition
-- of their series, so a consumer sees a hole and the candles around it in commit order. For that the
-- four columns of a series are part of both keys: of a deleted row only the key is logged.

create table market.gaps (
  exchange text not null,
  market_type text not null,
  symbol text not null,
  interval text not null,
  -- Open time of the first slot without a candle.
  gap_from timestamptz not null,
  -- Exclusive: the open time that follows the last such slot.
  gap_to timestamptz not null,
  -- Slots in it that the venue's calendar expects; a weekend inside counts none.
  candles bigint not null,
  cause text not null,
  -- How often the venue was asked for it, and how often it answered without these candles.
  attempts integer not null default 0,
  empty_answers integer not null default 0,
  -- All three by our clock.
  first_seen_at timestamptz not null,
  last_checked_at timestamptz,
  resolved_at timestamptz,
  detail text,
  last_run_id bigint,
  primary key (exchange, market_type, symbol, interval, gap_from),
  constraint gaps_series_named check (exchange <> '' and symbol <> '' and interval <> ''),
  constraint gaps_market_type_known check (market_type in ('spot', 'perp', 'fx', 'equity')),
  constraint gaps_range_valid check (gap_from < gap_to),
  constraint gaps_candles_positive check (candles > 0),
  constraint gaps_cause_known check (
    cause in ('missing', 'venue_empty', 'repaired', 'unrepairable', 'synthetic')),
  constraint gaps_attempts_valid check (attempts >= 0),
  constraint gaps_empty_answers_valid check (empty_answers between 0 and attempts),
  -- An open question has no answer yet, every other cause is one.
  constraint gaps_resolved check ((cause = 'missing') = (resolved_at is null))
);

alter table market.gaps replica identity default;
comment on table market.gaps is 'Candles that a series should have and has not, or had not, and why';
create index gaps_missing on market.gaps (exchange, market_type) where cause = 'missing';

create table market.funding_rates (
  exchange text not null,
  market_type text not null,
  symbol text not null,
  -- The funding period that the series had when it was first loaded, for example 8h. It names the
  -- series that the row travels with and does not follow later changes of the period.
  interval text not null,
  -- As the venue says it: often some ms past the hour.
  funding_time timestamptz not null,
  -- Share of the position's value, signed: 0.0001 is one basis point that longs pay.
  rate numeric(38, 18) not null,
  mark_price numeric(38, 18),
  premium numeric(38, 18),
  observed_at timestamptz not null,
  source text not null,
  ingest_run_id bigint,
  raw_id bigint,
  primary key (exchange, market_type, symbol, interval, funding_time),
  -- One payment is one fact, whatever its period is called.
  constraint funding_rates_once unique (exchange, market_type, symbol, funding_time),
  constraint funding_rates_series_named check (exchange <> '' and symbol <> '' and interval <> ''),
  constraint funding_rates_market_type_known check (market_type in ('spot', 'perp', 'fx', 'equity')),
  constraint funding_rates_rate_finite check (rate > '-infinity' and rate < 'infinity'),
  constraint funding_rates_mark_price_positive check (mark_price > 0 and mark_price < 'infinity'),
  constraint funding_rates_premium_finite check (premium > '-infinity' and premium < 'infinity')
);

alter table market.funding_rates replica identity default;
comment on table market.funding_rates is 'Funding payments of perpetual futures, latest known state';

-- Where quarantine is looked through for one series.
create index quarantine_series on market.quarantine
  (exchange, market_type, symbol, interval, open_time) where redriven_at is null;

alter publication wickstream add table market.gaps, market.funding_rates;

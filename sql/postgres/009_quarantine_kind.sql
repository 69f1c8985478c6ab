-- What a refused row was to become: a funding payment is not fetched again as a candle.
alter table market.quarantine
  add column kind text not null default 'candle' check (kind in ('candle', 'funding'));

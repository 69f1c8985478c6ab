-- What exists to be collected: venues, their instruments, their candle widths.
-- Filled by the catalogue sync; candles do not depend on it (see 002).

create table market.exchanges (
  exchange text primary key check (exchange ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  name text not null,
  synced_at timestamptz not null default now()
);

create table market.symbols (
  exchange text not null references market.exchanges,
  market_type text not null check (market_type in ('spot', 'perp', 'fx', 'equity')),
  -- Canonical BASE/QUOTE; venue_symbol is the venue's own spelling.
  symbol text not null check (symbol <> ''),
  venue_symbol text not null check (venue_symbol <> ''),
  base text not null,
  quote text not null,
  status text not null check (status in ('pending', 'trading', 'halted', 'delisted')),
  price_tick numeric(38, 18) check (price_tick > 0 and price_tick < 'infinity'),
  quantity_step numeric(38, 18) check (quantity_step > 0 and quantity_step < 'infinity'),
  -- Null where the venue does not say. Bounds the search for gaps.
  listed_at timestamptz,
  delisted_at timestamptz,
  synced_at timestamptz not null default now(),
  primary key (exchange, market_type, symbol),
  unique (exchange, market_type, venue_symbol)
);

create table market.supported_intervals (
  exchange text not null references market.exchanges,
  market_type text not null check (market_type in ('spot', 'perp', 'fx', 'equity')),
  interval text not null check (interval ~ '^[1-9][0-9]?[mhdwM]$'),
  venue_interval text not null check (venue_interval <> ''),
  synced_at timestamptz not null default now(),
  primary key (exchange, market_type, interval)
);

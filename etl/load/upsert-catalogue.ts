/**
 * Writes what a venue offers: its instruments and intervals. In: all of them, as they are now. Out:
 * what changed. Only rows that differ are written, so an unchanged catalogue costs no WAL. An
 * instrument that the venue no longer lists is marked as delisted and stays.
 */
import type { MarketType } from '#core/candle.ts';
import type { Interval } from '#core/interval.ts';
import type { EpochMs } from '#core/time.ts';
import { inTransaction, type Pool, type PoolClient } from '#platform/postgres.ts';
import type { Instrument } from '../extract/venue.ts';
import type { SymbolStatus } from './catalogue-status.ts';

export interface CatalogueRows {
  readonly exchange: string;
  readonly marketType: MarketType;
  /** Each symbol once. */
  readonly symbols: readonly (Instrument & { readonly status: SymbolStatus })[];
  readonly intervals: readonly Interval[];
  /** When the venue said so. */
  readonly seenAt: EpochMs;
}

/** Names of symbols. */
export interface CatalogueChanges {
  /** Not known before. */
  readonly listed: readonly string[];
  /** Known, and now of another status or with other facts. */
  readonly changed: readonly string[];
  /** Marked as delisted, because the venue said so or no longer names them. */
  readonly delisted: readonly string[];
  /** Rows of any table that were written. */
  readonly rows: number;
}

const EXCHANGE = `
  insert into market.exchanges (exchange, name)
  select $1::text, $1::text
  where not exists (select 1 from market.exchanges where exchange = $1::text)
  on conflict (exchange) do nothing`;

const VANISHED = `
  update market.symbols set
    status = 'delisted',
    delisted_at = coalesce(delisted_at, $4::timestamptz),
    synced_at = now()
  where exchange = $1::text and market_type = $2::text and status <> 'delisted'
    and symbol <> all ($3::text[])
  returning symbol`;

/** The join, not the conflict, keeps equal rows out: a conflict alone would lock the row, in WAL. */
const SYMBOLS = `
  with told as (
    select *
    from unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
      $10::timestamptz[], $11::timestamptz[])
      as t (symbol, venue_symbol, base, quote, status, price_tick, quantity_step, listed_at, delisted_at)
  ), news as (
    select told.symbol, told.venue_symbol, told.base, told.quote, told.status,
      told.price_tick::numeric(38, 18) as price_tick,
      told.quantity_step::numeric(38, 18) as quantity_step,
      -- What was once known is not forgotten when the venue stops saying it.
      coalesce(told.listed_at, known.listed_at) as listed_at,
      case
        when told.delisted_at is not null then told.delisted_at
        when told.status = 'delisted' then coalesce(known.delisted_at, $12::timestamptz)
      end as delisted_at,
      known.status as before
    from told
      left join market.symbols as known
        on known.exchange = $1::text and known.market_type = $2::text and known.symbol = told.symbol
    where known.symbol is null
      or (known.venue_symbol, known.base, known.quote, known.status, known.price_tick, known.quantity_step)
        is distinct from (told.venue_symbol, told.base, told.quote, told.status,
          told.price_tick::numeric(38, 18), told.quantity_step::numeric(38, 18))
      or known.listed_at is distinct from coalesce(told.listed_at, known.listed_at)
      or known.delisted_at is distinct from case
        when told.delisted_at is not null then told.delisted_at
        when told.status = 'delisted' then coalesce(known.delisted_at, $12::timestamptz)
      end
  ), written as (
    insert into market.symbols (exchange, market_type, symbol, venue_symbol, base, quote, status,
      price_tick, quantity_step, listed_at, delisted_at)
    select $1::text, $2::text, symbol, venue_symbol, base, quote, status, price_tick, quantity_step,
      listed_at, delisted_at
    from news
    on conflict (exchange, market_type, symbol) do update set
      venue_symbol = excluded.venue_symbol,
      base = excluded.base,
      quote = excluded.quote,
      status = excluded.status,
      price_tick = excluded.price_tick,
      quantity_step = excluded.quantity_step,
      listed_at = excluded.listed_at,
      delisted_at = excluded.delisted_at,
      synced_at = now()
  )
  select symbol, status, before from news order by symbol`;

const INTERVALS_TOLD = `
  insert into market.supported_intervals (exchange, market_type, interval)
  select $1::text, $2::text, told
  from unnest($3::text[]) as told
  where not exists (
    select 1 from market.supported_intervals
    where exchange = $1::text and market_type = $2::text and interval = told
  )
  on conflict do nothing`;

const INTERVALS_GONE = `
  delete from market.supported_intervals
  where exchange = $1::text and market_type = $2::text and interval <> all ($3::text[])`;

/** In one transaction. */
export async function upsertCatalogue(pool: Pool, rows: CatalogueRows): Promise<CatalogueChanges> {
  return inTransaction(pool, async (client) => {
    const made = await client.query(EXCHANGE, [rows.exchange]);
    // First: what they were called may be another's name by now.
    const gone = await client.query<{ symbol: string }>(VANISHED, [
      rows.exchange,
      rows.marketType,
      rows.symbols.map(({ symbol }) => symbol),
      iso(rows.seenAt),
    ]);
    const news = await writeSymbols(client, rows);
    const intervals = await writeIntervals(client, rows);
    const isNew = (before: string | null): boolean => before === null;
    return {
      listed: news.filter(({ before }) => isNew(before)).map(({ symbol }) => symbol),
      changed: news.filter(({ before }) => !isNew(before)).map(({ symbol }) => symbol),
      delisted: [
        ...gone.rows,
        ...news.filter(
          ({ status, before }) => status === 'delisted' && before !== 'delisted' && !isNew(before),
        ),
      ].map(({ symbol }) => symbol),
      rows: (made.rowCount ?? 0) + (gone.rowCount ?? 0) + news.length + intervals,
    };
  });
}

interface WrittenSymbol {
  readonly symbol: string;
  readonly status: string;
  /** Null for one that was not known. */
  readonly before: string | null;
}

async function writeSymbols(client: PoolClient, rows: CatalogueRows): Promise<WrittenSymbol[]> {
  const { symbols } = rows;
  const result = await client.query<WrittenSymbol>(SYMBOLS, [
    rows.exchange,
    rows.marketType,
    symbols.map(({ symbol }) => symbol),
    symbols.map(({ venueSymbol }) => venueSymbol),
    symbols.map(({ base }) => base),
    symbols.map(({ quote }) => quote),
    symbols.map(({ status }) => status),
    symbols.map(({ tickSize }) => tickSize),
    symbols.map(({ stepSize }) => stepSize),
    symbols.map(({ onboardTime }) => iso(onboardTime)),
    symbols.map(({ delistTime }) => iso(delistTime)),
    iso(rows.seenAt),
  ]);
  return result.rows;
}

async function writeIntervals(client: PoolClient, rows: CatalogueRows): Promise<number> {
  const values = [rows.exchange, rows.marketType, rows.intervals];
  const told = await client.query(INTERVALS_TOLD, values);
  const gone = await client.query(INTERVALS_GONE, values);
  return (told.rowCount ?? 0) + (gone.rowCount ?? 0);
}

function iso(time: EpochMs | null): string | null {
  return time === null ? null : new Date(time).toISOString();
}

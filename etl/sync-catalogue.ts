/**
 * Brings the catalogue of one venue up to date: instruments with their listing and delisting, and
 * intervals. In: a venue, a pool. Out: what changed. A venue that suddenly names none, or far fewer
 * than it did, is not believed: nothing is written then.
 */
import { AppError } from '#core/errors.ts';
import type { EpochMs } from '#core/time.ts';
import type { Pool } from '#platform/postgres.ts';
import type { Instrument, VenueAdapter } from './extract/venue.ts';
import { statusOf, type SymbolStatus } from './load/catalogue-status.ts';
import { upsertCatalogue, type CatalogueChanges } from './load/upsert-catalogue.ts';

export interface CatalogueSync {
  readonly adapter: Pick<
    VenueAdapter,
    'id' | 'marketType' | 'intervals' | 'fetchInstruments' | 'fetchServerTime'
  >;
  readonly pool: Pool;
  /**
   * Symbols that somebody reads: parts of a venue that it lists only by name, such as a builder's dex
   * of Hyperliquid, are asked for because of them, and of the symbols that the catalogue has.
   */
  readonly wanted?: readonly string[] | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface CatalogueReport extends CatalogueChanges {
  readonly exchange: string;
  /** Instruments that the venue named. */
  readonly symbols: number;
  readonly trading: number;
  /** Named twice; the one that trades, else the first, was taken. */
  readonly ambiguous: readonly string[];
}

/** A venue that no longer names more than this share of what trades is out of order. */
const VANISHED_SHARE_MAX = 0.5;
/** Of fewer than this, any number may go at once. */
const DOUBTED_FROM = 20;

/** @throws AppError of the venue; WICK_ETL_VENUE_PAYLOAD where its answer is not believed. */
export async function syncCatalogue(sync: CatalogueSync): Promise<CatalogueReport> {
  const { adapter, pool, signal } = sync;
  const seenAt = await adapter.fetchServerTime(signal);
  const wanted = [...(sync.wanted ?? []), ...(await readListed(pool, adapter))];
  const instruments = await adapter.fetchInstruments(signal, wanted);
  const { unique, ambiguous } = uniqueBySymbol(instruments, seenAt);
  await assertPlausible(pool, adapter, unique);
  const changes = await upsertCatalogue(pool, {
    exchange: adapter.id,
    marketType: adapter.marketType,
    symbols: unique,
    intervals: adapter.intervals,
    seenAt,
  });
  const trading = unique.filter(({ status }) => status === 'trading').length;
  return { exchange: adapter.id, symbols: unique.length, trading, ambiguous, ...changes };
}

const LISTED = `
  select symbol from market.symbols
  where exchange = $1::text and market_type = $2::text and status <> 'delisted'
  order by symbol`;

/** What an earlier sync wrote: a part of the venue that is not asked for would seem delisted. */
async function readListed(
  pool: Pool,
  { id, marketType }: CatalogueSync['adapter'],
): Promise<readonly string[]> {
  const { rows } = await pool.query<{ symbol: string }>(LISTED, [id, marketType]);
  return rows.map(({ symbol }) => symbol);
}

type Judged = Instrument & { readonly status: SymbolStatus };

function uniqueBySymbol(
  instruments: readonly Instrument[],
  now: EpochMs,
): { readonly unique: readonly Judged[]; readonly ambiguous: readonly string[] } {
  const unique = new Map<string, Judged>();
  const ambiguous = new Set<string>();
  for (const instrument of instruments) {
    const known = unique.get(instrument.symbol);
    if (known !== undefined) ambiguous.add(instrument.symbol);
    if (known !== undefined && (known.isTrading || !instrument.isTrading)) continue;
    unique.set(instrument.symbol, { ...instrument, status: statusOf(instrument, now) });
  }
  return { unique: [...unique.values()], ambiguous: [...ambiguous] };
}

const KNOWN = `
  select count(*) as known, count(*) filter (where symbol <> all ($3::text[])) as vanished
  from market.symbols
  where exchange = $1::text and market_type = $2::text and status = 'trading'`;

async function assertPlausible(
  pool: Pool,
  { id, marketType }: CatalogueSync['adapter'],
  symbols: readonly Instrument[],
): Promise<void> {
  const names = symbols.map(({ symbol }) => symbol);
  const { rows } = await pool.query<{ known: string; vanished: string }>(KNOWN, [
    id,
    marketType,
    names,
  ]);
  const known = Number(rows[0]?.known ?? 0);
  const vanished = Number(rows[0]?.vanished ?? 0);
  const doubted = known >= DOUBTED_FROM && vanished > known * VANISHED_SHARE_MAX;
  const isGone = names.length === 0 && known > 0;
  if (!isGone && !doubted) return;
  throw new AppError(
    'WICK_ETL_VENUE_PAYLOAD',
    `${id} names ${names.length} instruments and leaves out ${vanished} of ${known} that traded; ` +
      'that is not believed and nothing was changed; ask again later',
    { retryable: true, details: { exchange: id, known, vanished } },
  );
}

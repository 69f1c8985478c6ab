/** When an instrument was listed and taken off. In: an instrument. Out: what the catalogue says; null where it has none. */
import type { Series } from '#core/candle.ts';
import type { EpochMs } from '#core/time.ts';
import type { Pool } from '#platform/postgres.ts';

export interface Listing {
  /** Null where the venue does not say. */
  readonly listedAt: EpochMs | null;
  /** Null while it stays. */
  readonly delistedAt: EpochMs | null;
}

const READ = `
  select listed_at as "listedAt", delisted_at as "delistedAt" from market.symbols
  where exchange = $1::text and market_type = $2::text and symbol = $3::text`;

export async function readListing(
  pool: Pool,
  { exchange, marketType, symbol }: Omit<Series, 'interval'>,
): Promise<Listing | null> {
  const { rows } = await pool.query<Listing>(READ, [exchange, marketType, symbol]);
  return rows[0] ?? null;
}

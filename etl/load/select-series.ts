/**
 * Which instruments the catalogue knows to trade. In: a venue and a choice. Out: canonical symbols in
 * their order. It knows only what the last sync of the catalogue wrote.
 */
import type { Pool } from '#platform/postgres.ts';

export interface SymbolChoice {
  readonly exchange: string;
  readonly marketType: string;
  /** Only these; all where absent. */
  readonly symbols?: readonly string[] | undefined;
  /** Only what is quoted in this. */
  readonly quote?: string | undefined;
  readonly symbolsMax: number;
}

const SELECT = `
  select symbol
  from market.symbols
  where exchange = $1::text and market_type = $2::text and status = 'trading'
    and ($3::text[] is null or symbol = any ($3::text[]))
    and ($4::text is null or quote = $4::text)
  order by symbol
  limit $5::integer`;

export async function selectSymbols(pool: Pool, choice: SymbolChoice): Promise<readonly string[]> {
  const { rows } = await pool.query<{ symbol: string }>(SELECT, [
    choice.exchange,
    choice.marketType,
    choice.symbols ?? null,
    choice.quote ?? null,
    choice.symbolsMax,
  ]);
  return rows.map(({ symbol }) => symbol);
}

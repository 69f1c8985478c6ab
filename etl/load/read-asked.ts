/**
 * What was asked for of a series, whatever came. In: a series. Out: from the earliest open time that a
 * run asked for to the latest, or null where none did. A venue that answers for a part of it only
 * leaves gaps at the edges, which stored candles alone do not show.
 */
import type { Series } from '#core/candle.ts';
import type { EpochMs } from '#core/time.ts';
import type { Pool } from '#platform/postgres.ts';

export interface AskedRange {
  readonly from: EpochMs;
  /** Exclusive. */
  readonly to: EpochMs;
}

/** Word for word what the indexes of migration 012 hold, or they are not used. */
const ASKED = `exchange = $1::text and market_type = $2::text and symbol = $3::text
    and interval = $4::text
    and split_part(job, ':', 1) in ('collect', 'recollect', 'backfill', 'run', 'stream', 'stream-check')`;

export const READ_ASKED = `
  select
    (select range_from from market.ingest_runs where ${ASKED} order by range_from limit 1) as asked_from,
    (select range_to from market.ingest_runs where ${ASKED} order by range_to desc limit 1) as asked_to`;

export async function readAsked(
  pool: Pool,
  { exchange, marketType, symbol, interval }: Series,
): Promise<AskedRange | null> {
  const found = await pool.query<{ asked_from: EpochMs | null; asked_to: EpochMs | null }>(
    READ_ASKED,
    [exchange, marketType, symbol, interval],
  );
  const { asked_from: from = null, asked_to: to = null } = found.rows[0] ?? {};
  return from === null || to === null ? null : { from, to };
}

/**
 * Parks rows that must not become candles. In: the row as it came, why, where from. Out: rows of
 * market.quarantine, waiting to be redriven. The same row refused for the same reason again is one
 * finding: it is not parked twice.
 */
import { createHash } from 'node:crypto';
import type { Series } from '#core/candle.ts';
import type { EpochMs } from '#core/time.ts';
import type { PoolClient } from '#platform/postgres.ts';

export interface QuarantinedRow {
  readonly rawId: bigint | null;
  /** Null where the row's time cannot be read. */
  readonly openTime: EpochMs | null;
  /** Reason code, for example `ohlc_order`. */
  readonly reason: string;
  /** The reason in words, with the offending value. */
  readonly detail: string;
  /** The row as the source wrote it. */
  readonly rawRow: string;
}

const QUARANTINE = `
  insert into market.quarantine as q
    (ingest_run_id, exchange, market_type, symbol, interval,
     kind, raw_id, open_time, reason, detail, raw_row, row_sha256)
  select $1::bigint, $2::text, $3::text, $4::text, $5::text, $12::text, u.*
  from unnest($6::bigint[], $7::timestamptz[], $8::text[], $9::text[], $10::text[], $11::bytea[]) as u
  on conflict (exchange, market_type, symbol, interval, reason, row_sha256) do nothing`;

/** @returns how many were new. */
export async function quarantineRows(
  client: PoolClient,
  series: Series,
  rows: readonly QuarantinedRow[],
  ingestRunId: bigint,
  kind: 'candle' | 'funding' = 'candle',
): Promise<number> {
  if (rows.length === 0) return 0;
  const result = await client.query(QUARANTINE, [
    ingestRunId,
    series.exchange,
    series.marketType,
    series.symbol,
    series.interval,
    rows.map(({ rawId }) => rawId),
    rows.map(({ openTime }) => (openTime === null ? null : new Date(openTime).toISOString())),
    rows.map(({ reason }) => reason),
    rows.map(({ detail }) => storable(detail)),
    rows.map(({ rawRow }) => storable(rawRow)),
    rows.map(({ rawRow }) => createHash('sha256').update(rawRow).digest()),
    kind,
  ]);
  return result.rowCount ?? 0;
}

/** Postgres text cannot hold NUL nor half a surrogate pair; the payload keeps the exact bytes. */
function storable(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\\u0000');
}

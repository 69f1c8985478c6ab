/**
 * Adds a batch to its run's record, in the batch's own transaction: what the record says was written
 * is what was written, whenever the process dies. In: counts, watermark. A run that is no longer
 * running (another process took it for dead) is refused, so its batch rolls back.
 */
import { AppError } from '#core/errors.ts';
import type { EpochMs } from '#core/time.ts';
import type { PoolClient } from '#platform/postgres.ts';
import type { UpsertCounts } from './upsert-candles.ts';

/** fetched = inserted + revised + closed + updatedOpen + unchanged + quarantined. */
export interface RunCounts extends UpsertCounts {
  /** Rows that the source gave. */
  readonly fetched: number;
  /** Rows refused, whether newly parked or known. */
  readonly quarantined: number;
  /** Payloads read. */
  readonly raw: number;
}

const ADVANCE = `
  update market.ingest_runs set
    fetched = fetched + $2::bigint,
    inserted = inserted + $3::bigint,
    revised = revised + $4::bigint,
    closed = closed + $5::bigint,
    updated_open = updated_open + $6::bigint,
    unchanged = unchanged + $7::bigint,
    quarantined = quarantined + $8::bigint,
    raw = raw + $9::bigint,
    watermark = greatest(watermark, $10::timestamptz),
    range_from = least(range_from, $11::timestamptz),
    range_to = greatest(range_to, $12::timestamptz)
  where id = $1::bigint and state = 'running'`;

/** Open times that a run is about, half-open. */
export interface RunRange {
  readonly from: EpochMs;
  readonly to: EpochMs;
}

/**
 * @param watermark open time that follows the last closed candle of the batch; null when it has none.
 * @param range what the batch was about, where that was not known when the run was opened.
 * @throws AppError WICK_ETL_LOAD_FAILED when the run is not running.
 */
export async function advanceRun(
  client: PoolClient,
  runId: bigint,
  counts: RunCounts,
  watermark: EpochMs | null,
  range: RunRange | null = null,
): Promise<void> {
  const result = await client.query(ADVANCE, [
    runId,
    counts.fetched,
    counts.inserted,
    counts.revised,
    counts.closed,
    counts.updatedOpen,
    counts.unchanged,
    counts.quarantined,
    counts.raw,
    isoOrNull(watermark),
    isoOrNull(range?.from ?? null),
    isoOrNull(range?.to ?? null),
  ]);
  if (result.rowCount !== 1) {
    throw new AppError(
      'WICK_ETL_LOAD_FAILED',
      `Ingest run ${runId} is no longer running: another process took it over; nothing of this batch was written`,
      // In a run of its own the same batch goes through.
      { retryable: true },
    );
  }
}

function isoOrNull(time: EpochMs | null): string | null {
  return time === null ? null : new Date(time).toISOString();
}

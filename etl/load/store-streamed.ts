/**
 * Stores candles that a stream told. In: candles as they came. Out: nothing but rows: closed ones
 * with the frame that told them and the run of their connection, open ones bare. The watermark stays: what
 * lies before a streamed candle may be missing, and it is the venue's answers that move it.
 */
import type { Candle, Series } from '#core/candle.ts';
import { nextOpen } from '#core/interval.ts';
import type { EpochMs } from '#core/time.ts';
import { inTransaction, type Pool } from '#platform/postgres.ts';
import type { Reject } from '../extract/reject.ts';
import { ensureMonthPartitions } from './ensure-partitions.ts';
import { loadBatch, type LoadPage } from './load-batch.ts';
import type { SharedRun } from './shared-run.ts';
import { upsertCandles } from './upsert-candles.ts';

/** One frame and what it said about a closed candle. */
export interface StreamedFrame {
  /** Null where the frame was refused. */
  readonly candle: Candle | null;
  readonly rejects: readonly Reject[];
  readonly frame: string;
  readonly receivedAt: EpochMs;
}

/** Stores frames of one series that were closed or refused. @throws as `loadBatch`. */
export async function storeStreamed(
  pool: Pool,
  series: Series,
  { run, url }: { readonly run: SharedRun; readonly url: string },
  frames: readonly StreamedFrame[],
): Promise<void> {
  const times = frames.flatMap(({ candle, receivedAt }) => candle?.openTime ?? receivedAt);
  const from = times.reduce((a, b) => (b < a ? b : a));
  const last = times.reduce((a, b) => (b > a ? b : a));
  const range = { from, to: nextOpen(series.interval, last) };
  const pages = frames.map(({ candle, rejects, frame, receivedAt }): LoadPage => ({
    accepted: candle === null ? [] : [candle],
    rejects,
    raw: { url, fetchedAt: receivedAt, body: frame },
  }));
  await run.use(range, (runId) =>
    loadBatch(pool, runId, series, pages, { movesWatermark: false, range }),
  );
}

/** Stores the running candles of several series, all or none. */
export async function storeRunning(pool: Pool, candles: readonly Candle[]): Promise<void> {
  await ensureMonthPartitions(
    pool,
    'candles',
    candles.map(({ openTime }) => openTime),
  );
  const rows = candles.map((candle) => ({ candle, rawId: null }));
  await inTransaction(pool, (client) =>
    upsertCandles(client, rows, { ingestRunId: null, contended: true }),
  );
}

/**
 * Stores what a scrape brought, all or nothing. In: pages of one series, judged. Out: counts and how
 * far the series now reaches. One transaction holds the payloads, the candles, the refused rows and
 * the run's record, so that each can be trusted to speak of the others; only the months are made
 * before it. It may be repeated at will: the same pages again change nothing but the record.
 */
import type { Candle, Series } from '#core/candle.ts';
import { AppError } from '#core/errors.ts';
import { nextOpen } from '#core/interval.ts';
import type { EpochMs } from '#core/time.ts';
import { DatabaseError, inTransaction, type Pool, type PoolClient } from '#platform/postgres.ts';
import { REFUSED_BY_DATABASE, type Reject } from '../extract/reject.ts';
import type { RawPayload } from '../extract/venue.ts';
import { advanceRun, type RunCounts, type RunRange } from './advance-run.ts';
import type { LoadRow } from './candle-columns.ts';
import { ensureMonthPartitions } from './ensure-partitions.ts';
import { landRaw } from './land-raw.ts';
import { loadFailure } from './load-failure.ts';
import { quarantineRows, type QuarantinedRow } from './quarantine-rows.ts';
import { upsertCandlesByParts, type RefusedRow } from './upsert-candles-by-parts.ts';
import { isContention, isRowError, upsertCandles } from './upsert-candles.ts';

export interface LoadPage {
  readonly accepted: readonly Candle[];
  readonly rejects: readonly Reject[];
  /** Null where there is no payload to keep, as with a file that stays where it is. */
  readonly raw: RawPayload | null;
}

export interface LoadResult {
  readonly counts: RunCounts;
  /** Open time that follows the last closed candle of these pages; null when they have none. */
  readonly watermark: EpochMs | null;
}

export interface LoadOptions {
  /**
   * False for candles that came by themselves: nobody asked for what lies before them, so the series
   * does not reach up to them yet. Default true.
   */
  readonly movesWatermark?: boolean;
  /** What the batch is about, where its run was opened for less. */
  readonly range?: RunRange | undefined;
}

/** Two batches that met in one row; a moment later one of them is done. */
const CLASH_CODES: readonly string[] = ['40001', '40P01'];
/** One for each way that can fail, and three for clashes. */
const ATTEMPTS_MAX = 5;

/**
 * @throws AppError WICK_ETL_LOAD_FAILED, retryable where Postgres was only out of reach or busy;
 * then nothing of the batch was written.
 */
export async function loadBatch(
  pool: Pool,
  runId: bigint,
  series: Series,
  pages: readonly LoadPage[],
  { movesWatermark = true, range }: LoadOptions = {},
): Promise<LoadResult> {
  const candles = pages.flatMap((page) => page.accepted);
  const payloads = pages.flatMap((page) => (page.raw === null ? [] : [page.raw]));
  const way: LoadWay = { movesWatermark, range: range ?? null, byParts: false, contended: false };
  for (let attempt = 1; ; attempt += 1) {
    try {
      await ensureMonthPartitions(pool, 'candles', openTimes(candles));
      await ensureMonthPartitions(pool, 'raw_payloads', fetchTimes(payloads));
      return await inTransaction(pool, (client) => store(client, runId, series, pages, way));
    } catch (error) {
      if (error instanceof AppError) throw error;
      if (attempt >= ATTEMPTS_MAX || !adapt(way, error))
        throw loadFailure(error, 'take a batch', series);
    }
  }
}

/** How a batch is written; it changes when the way at hand fails. */
interface LoadWay {
  readonly movesWatermark: boolean;
  readonly range: RunRange | null;
  byParts: boolean;
  contended: boolean;
}

/** Chooses another way for the next attempt. @returns false where none would help. */
function adapt(way: LoadWay, error: unknown): boolean {
  if (isRowError(error)) {
    const helps = !way.byParts;
    way.byParts = true;
    return helps;
  }
  if (isContention(error)) {
    const helps = !way.contended;
    way.contended = true;
    return helps;
  }
  return error instanceof DatabaseError && CLASH_CODES.includes(error.code ?? '');
}

async function store(
  client: PoolClient,
  runId: bigint,
  series: Series,
  pages: readonly LoadPage[],
  { movesWatermark, range, byParts, contended }: LoadWay,
): Promise<LoadResult> {
  const rows: LoadRow[] = [];
  const parked: QuarantinedRow[] = [];
  for (const page of pages) {
    const rawId = page.raw === null ? null : await landRaw(client, page.raw, runId);
    for (const candle of page.accepted) rows.push({ candle, rawId });
    for (const { openTime, reason, detail, rawRow } of page.rejects) {
      parked.push({ rawId, openTime, reason, detail, rawRow });
    }
  }
  const options = { ingestRunId: runId, contended };
  const { counts, refused } = byParts
    ? await upsertCandlesByParts(client, rows, options)
    : { counts: await upsertCandles(client, rows, options), refused: [] };
  parked.push(...refused.map((found) => parkRefused(found)));
  await quarantineRows(client, series, parked, runId);
  const result = {
    counts: {
      ...counts,
      fetched: rows.length + parked.length - refused.length,
      quarantined: parked.length,
      raw: pages.filter((page) => page.raw !== null).length,
    },
    watermark: movesWatermark ? reach(rows, refused) : null,
  };
  await advanceRun(client, runId, result.counts, result.watermark, range);
  return result;
}

function parkRefused({ row, detail }: RefusedRow): QuarantinedRow {
  const { candle, rawId } = row;
  // Without the moment of seeing it, so that it is the same finding when it is seen again.
  const { observedAt: _, ...seen } = candle;
  const rawRow = JSON.stringify(seen);
  return { rawId, openTime: candle.openTime, reason: REFUSED_BY_DATABASE, detail, rawRow };
}

/** A refused candle is not stored, so the series does not reach past it on its account. */
function reach(rows: readonly LoadRow[], refused: readonly RefusedRow[]): EpochMs | null {
  const without = new Set(refused.map(({ row }) => row.candle.openTime));
  let last: Candle | null = null;
  for (const { candle } of rows) {
    if (!candle.isClosed || without.has(candle.openTime)) continue;
    if (last === null || candle.openTime > last.openTime) last = candle;
  }
  return last === null ? null : nextOpen(last.interval, last.openTime);
}

function* openTimes(candles: readonly Candle[]): Generator<EpochMs> {
  for (const { openTime } of candles) yield openTime;
}

function* fetchTimes(payloads: readonly RawPayload[]): Generator<EpochMs> {
  for (const { fetchedAt } of payloads) yield fetchedAt;
}

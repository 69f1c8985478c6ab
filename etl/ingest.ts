/**
 * One run: fetch a range of one series, judge it, store it. In: a venue, a pool, a range. Out: a
 * report, and the same numbers in market.ingest_runs. Works forward in time in bounded batches, each
 * stored whole with its share of the record, so a run that dies is gone on with from the watermark.
 * While one batch is stored the next is fetched; never more. It does not decide when or what to run.
 */
import type { Candle, Series } from '#core/candle.ts';
import { AppError, errorText } from '#core/errors.ts';
import type { EpochMs } from '#core/time.ts';
import type { Pool } from '#platform/postgres.ts';
import type { CandlePage, VenueAdapter } from './extract/venue.ts';
import type { RunCounts, RunRange } from './load/advance-run.ts';
import { finishRun } from './load/finish-run.ts';
import { loadBatch, type LoadPage, type LoadResult } from './load/load-batch.ts';
import { readCandleBefore } from './load/read-candle-before.ts';
import { moveAnchor } from './load/set-anchors.ts';
import { startRun } from './load/start-run.ts';
import type { PriceRange } from './transform/jump.ts';
import { endsInDoubt, firstGood, validatePage } from './transform/validate.ts';

export interface IngestJob {
  /** Name that the run is recorded under, for example `collect`. */
  readonly job: string;
  readonly adapter: Pick<VenueAdapter, 'id' | 'marketType' | 'fetchCandles'>;
  readonly pool: Pool;
  readonly series: Series;
  /** First open time wanted. */
  readonly from: EpochMs;
  /** Open times end before this. */
  readonly to: EpochMs;
  /** The venue's clock, if it was just asked. */
  readonly venueNow?: EpochMs | undefined;
  /** Most candles in one transaction; a page is never split. Default 6,000. */
  readonly batchRowsMax?: number | undefined;
  /**
   * False where the range is a part of more that is still to be read: the caller moves the anchor
   * when all of it is stored. Default true.
   */
  readonly movesAnchor?: boolean | undefined;
  /** First open time of what was asked for, where this run only goes on with it. Default `from`. */
  readonly countsFrom?: EpochMs | undefined;
  /** Somebody has looked at the jumps of the range and means them to be stored. Default false. */
  readonly acceptsJumps?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called after each stored batch with the sums so far. */
  readonly onProgress?: ((report: IngestReport) => void) | undefined;
  /** Called with each stored batch's candles that the rules accepted. */
  readonly onStored?: ((candles: readonly Candle[]) => void) | undefined;
}

/** What to fetch and store, whoever keeps the record. */
export type RangeJob = Omit<IngestJob, 'job'>;

export interface IngestReport {
  readonly runId: bigint;
  readonly series: Series;
  readonly counts: RunCounts;
  /** Open time that follows the last closed candle this run stored; null when there was none. */
  readonly watermark: EpochMs | null;
}

const BATCH_ROWS_MAX = 6_000;

/**
 * @throws AppError of the venue or WICK_ETL_LOAD_FAILED; the run is then recorded as failed with that
 * text, and what earlier batches stored stays.
 */
export async function ingest(job: IngestJob): Promise<IngestReport> {
  assertSameVenue(job);
  const runId = await startRun(job.pool, job);
  try {
    const report = await run(job, runId);
    if (job.movesAnchor !== false) {
      // Whether it stored anything or not: an earlier run may have ended between its rows and this.
      await moveAnchor(job.pool, job.series, job.countsFrom ?? job.from);
    }
    await finishRun(job.pool, runId, null);
    return report;
  } catch (error) {
    await recordFailure(job.pool, runId, error);
    throw error;
  }
}

/**
 * The same into a run that is shared with other ranges of the series. Its record is the caller's.
 * @throws AppError of the venue or WICK_ETL_LOAD_FAILED; what earlier batches stored stays.
 */
export async function ingestInto(runId: bigint, job: RangeJob): Promise<IngestReport> {
  assertSameVenue(job);
  return run(job, runId, { from: job.from, to: job.to });
}

async function run(job: RangeJob, runId: bigint, range?: RunRange): Promise<IngestReport> {
  let report: IngestReport = { runId, series: job.series, counts: NOTHING, watermark: null };
  let storing: Promise<void> = Promise.resolve();
  const store = async (pages: readonly LoadPage[]): Promise<void> => {
    const result = await loadBatch(job.pool, runId, job.series, pages, { range });
    report = add(report, result);
    for (const { accepted } of pages) job.onStored?.(accepted);
    job.onProgress?.(report);
  };
  try {
    for await (const pages of batches(job)) {
      await storing;
      job.signal?.throwIfAborted();
      storing = store(pages);
      // Its failure is met at the next await; meanwhile it is not an unhandled one.
      storing.catch(() => undefined);
    }
  } finally {
    await storing;
  }
  return report;
}

async function* batches(job: RangeJob): AsyncGenerator<readonly LoadPage[], void, undefined> {
  const rowsMax = job.batchRowsMax ?? BATCH_ROWS_MAX;
  let pages: LoadPage[] = [];
  let rows = 0;
  for await (const page of judgedPages(job)) {
    const count = page.accepted.length + page.rejects.length;
    if (pages.length > 0 && rows + count > rowsMax) {
      yield pages;
      pages = [];
      rows = 0;
    }
    pages.push(page);
    rows += count;
  }
  if (pages.length > 0) yield pages;
}

/** Pages with their verdicts. One whose last candle the next page must confirm waits for it. */
async function* judgedPages(job: RangeJob): AsyncGenerator<LoadPage, void, undefined> {
  const { adapter, pool, series, acceptsJumps } = job;
  let before: PriceRange | null = await readCandleBefore(pool, series, job.from);
  let doubtful: CandlePage | null = null;
  const judge = (page: CandlePage, after: Candle | null): LoadPage => {
    const validated = validatePage(page, { before, after, acceptsJumps });
    before = validated.accepted.findLast(({ isClosed }) => isClosed) ?? before;
    return { ...validated, raw: page.raw };
  };
  const { from, to, venueNow, signal } = job;
  const { symbol, interval } = series;
  for await (const page of adapter.fetchCandles({
    symbol,
    interval,
    from,
    to,
    venueNow,
    signal,
  })) {
    if (doubtful !== null) yield judge(doubtful, firstGood(page) ?? null);
    doubtful = null;
    if (endsInDoubt(page, { before })) doubtful = page;
    else yield judge(page, null);
  }
  if (doubtful !== null) yield judge(doubtful, null);
}

const NOTHING: RunCounts = {
  fetched: 0,
  inserted: 0,
  revised: 0,
  closed: 0,
  updatedOpen: 0,
  unchanged: 0,
  quarantined: 0,
  raw: 0,
};

function add(report: IngestReport, { counts, watermark }: LoadResult): IngestReport {
  const sum = report.counts;
  return {
    ...report,
    counts: {
      fetched: sum.fetched + counts.fetched,
      inserted: sum.inserted + counts.inserted,
      revised: sum.revised + counts.revised,
      closed: sum.closed + counts.closed,
      updatedOpen: sum.updatedOpen + counts.updatedOpen,
      unchanged: sum.unchanged + counts.unchanged,
      quarantined: sum.quarantined + counts.quarantined,
      raw: sum.raw + counts.raw,
    },
    watermark: watermark ?? report.watermark,
  };
}

/** The run's own error matters most; that it could not be recorded is added to it. */
async function recordFailure(pool: Pool, runId: bigint, error: unknown): Promise<void> {
  try {
    await finishRun(pool, runId, errorText(error));
  } catch (recordError) {
    throw new AppError(
      'WICK_ETL_LOAD_FAILED',
      `${errorText(error)}; and run ${runId} could not be recorded as failed: ${errorText(recordError)}`,
      { retryable: true, cause: error },
    );
  }
}

function assertSameVenue({ adapter, series }: RangeJob): void {
  if (adapter.id === series.exchange && adapter.marketType === series.marketType) return;
  throw new AppError(
    'WICK_ETL_UNSUPPORTED',
    `Series "${series.exchange}" ${series.marketType} cannot be fetched from "${adapter.id}" ${adapter.marketType}`,
  );
}

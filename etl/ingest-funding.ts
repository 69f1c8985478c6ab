/**
 * One run over funding payments: fetch a range of one perpetual, store it. In: a venue, a pool, a
 * range. Out: a report, and the same numbers in market.ingest_runs. Page by page, each stored whole
 * with its share of the record. It keeps no watermark: the stored payments say how far they reach.
 */
import type { MarketType, Series } from '#core/candle.ts';
import { AppError, errorText } from '#core/errors.ts';
import type { FundingRate } from '#core/funding.ts';
import { INTERVALS, isInterval, nominalWidthMs, type Interval } from '#core/interval.ts';
import type { EpochMs } from '#core/time.ts';
import { DatabaseError, inTransaction, type Pool, type PoolClient } from '#platform/postgres.ts';
import type { FundingPage, VenueAdapter } from './extract/venue.ts';
import { advanceRun } from './load/advance-run.ts';
import { ensureMonthPartitions } from './load/ensure-partitions.ts';
import { finishRun } from './load/finish-run.ts';
import { landRaw } from './load/land-raw.ts';
import { loadFailure } from './load/load-failure.ts';
import { quarantineRows } from './load/quarantine-rows.ts';
import { startRun } from './load/start-run.ts';
import { readNewestFunding, upsertFunding, type FundingCounts } from './load/upsert-funding.ts';

export interface FundingJob {
  /** Name that the run is recorded under. Default `funding`. */
  readonly job?: string | undefined;
  readonly adapter: Pick<VenueAdapter, 'id' | 'marketType' | 'fetchFunding'>;
  readonly pool: Pool;
  /** Canonical `BASE/QUOTE`. */
  readonly symbol: string;
  readonly from: EpochMs;
  /** Exclusive. */
  readonly to: EpochMs;
  readonly signal?: AbortSignal | undefined;
}

export interface FundingReport extends FundingCounts {
  /** Null where the venue sent no page. */
  readonly runId: bigint | null;
  /** Rows that the venue sent. */
  readonly fetched: number;
  readonly quarantined: number;
  /** Time of the newest payment of this run; null where there was none. */
  readonly newest: EpochMs | null;
}

/** Of a first payment without a neighbour; most perpetuals pay three times a day. */
const USUAL_PERIOD: Interval = '8h';

const NOTHING: FundingReport = {
  runId: null,
  fetched: 0,
  inserted: 0,
  revised: 0,
  unchanged: 0,
  quarantined: 0,
  newest: null,
};

/**
 * @throws AppError WICK_ETL_UNSUPPORTED where the venue pays no funding, what the venue throws, or
 * WICK_ETL_LOAD_FAILED; a run that was begun is then recorded as failed, and stored pages stay.
 */
export async function ingestFunding(job: FundingJob): Promise<FundingReport> {
  const { adapter, pool, symbol, from, to, signal } = job;
  if (adapter.fetchFunding === null) {
    throw new AppError(
      'WICK_ETL_UNSUPPORTED',
      `"${adapter.id}" ${adapter.marketType} pays no funding; perpetual futures do`,
    );
  }
  let report = NOTHING;
  let series: Series | null = null;
  try {
    for await (const page of adapter.fetchFunding({ symbol, from, to, signal })) {
      signal?.throwIfAborted();
      series ??= await seriesOf(job, page);
      const runId =
        report.runId ?? (await startRun(pool, { job: job.job ?? 'funding', series, from, to }));
      report = { ...report, runId };
      report = add(report, await storePage(pool, runId, series, page));
    }
    if (report.runId !== null) await finishRun(pool, report.runId, null);
    return report;
  } catch (error) {
    if (report.runId !== null) await finishRun(pool, report.runId, errorText(error));
    if (!(error instanceof DatabaseError)) throw error;
    const { exchange, interval } = series ?? { exchange: adapter.id, interval: USUAL_PERIOD };
    throw loadFailure(error, 'take funding', { exchange, symbol, interval });
  }
}

/** The series that the payments travel with: what is stored decides, else how far they lie apart. */
async function seriesOf({ adapter, pool, symbol }: FundingJob, page: FundingPage): Promise<Series> {
  const marketType: MarketType = adapter.marketType;
  const instrument = { exchange: adapter.id, marketType, symbol };
  const stored = (await readNewestFunding(pool, instrument))?.period ?? null;
  const interval = stored !== null && isInterval(stored) ? stored : periodOf(page.rates);
  return { ...instrument, interval };
}

/** The shortest distance of neighbours, rounded to an interval: payments may be late, not early. */
export function periodOf(rates: readonly Pick<FundingRate, 'fundingTime'>[]): Interval {
  let shortest = Infinity;
  for (const [index, { fundingTime }] of rates.entries()) {
    const before = rates[index - 1]?.fundingTime;
    if (before !== undefined) shortest = Math.min(shortest, fundingTime - before);
  }
  if (shortest === Infinity) return USUAL_PERIOD;
  const nearest = INTERVALS.toSorted(
    (a, b) => Math.abs(nominalWidthMs(a) - shortest) - Math.abs(nominalWidthMs(b) - shortest),
  );
  return nearest[0] ?? USUAL_PERIOD;
}

async function storePage(
  pool: Pool,
  runId: bigint,
  series: Series,
  page: FundingPage,
): Promise<FundingReport> {
  await ensureMonthPartitions(pool, 'raw_payloads', [page.raw.fetchedAt]);
  return inTransaction(pool, (client) => store(client, runId, series, page));
}

async function store(
  client: PoolClient,
  runId: bigint,
  series: Series,
  { rates, rejects, raw }: FundingPage,
): Promise<FundingReport> {
  const rawId = await landRaw(client, raw, runId);
  const rows = rates.map((rate) => ({ rate, rawId }));
  const counts = await upsertFunding(client, series, rows, runId);
  const parked = rejects.map(({ openTime, reason, detail, rawRow }) => ({
    rawId,
    openTime,
    reason,
    detail,
    rawRow,
  }));
  await quarantineRows(client, series, parked, runId, 'funding');
  const fetched = rates.length + rejects.length;
  const quarantined = rejects.length;
  const run = { ...counts, fetched, quarantined, closed: 0, updatedOpen: 0, raw: 1 };
  await advanceRun(client, runId, run, null);
  const newest = rates.reduce<EpochMs | null>(
    (last, { fundingTime }) => (last === null || fundingTime > last ? fundingTime : last),
    null,
  );
  return { runId, ...counts, fetched, quarantined, newest };
}

function add(sum: FundingReport, page: FundingReport): FundingReport {
  return {
    runId: page.runId,
    fetched: sum.fetched + page.fetched,
    inserted: sum.inserted + page.inserted,
    revised: sum.revised + page.revised,
    unchanged: sum.unchanged + page.unchanged,
    quarantined: sum.quarantined + page.quarantined,
    newest: sum.newest !== null && (page.newest ?? 0) < sum.newest ? sum.newest : page.newest,
  };
}

/**
 * Reads history: plans what is missing, then stores it chunk by chunk, a few at once for each venue.
 * In: series and ranges, venues, a pool. Out: a report. Each chunk is marked in Postgres once its rows
 * are stored, so whoever starts the same backfill again goes on where it ended, however it ended. A
 * series whose chunk fails is left for this time; the others go on.
 */
import { seriesKey, type Series } from '#core/candle.ts';
import { ADVISORY_LOCKS } from '#core/contracts/names.ts';
import { AppError, errorText } from '#core/errors.ts';
import { formatInstant, type EpochMs } from '#core/time.ts';
import type { Pool } from '#platform/postgres.ts';
import {
  abandonRuns,
  ingest,
  markChunk,
  moveAnchor,
  readCoverage,
  unsupported,
  type IngestReport,
  type VenueAdapter,
} from '../etl/index.ts';
import {
  boundRange,
  chunkMs,
  planBackfill,
  takeNewest,
  type BackfillPlan,
  type Chunk,
  type PlanSeries,
} from './backfill-plan.ts';
import { groupByExchange } from './job-series.ts';
import { withRunLock } from './run-lock.ts';

export interface BackfillVenue {
  readonly adapter: VenueAdapter;
  /** The venue's clock when the plan was made. */
  readonly now: EpochMs;
}

export interface PreparedBackfill {
  readonly plan: BackfillPlan;
  /** All series of the plan, be it that nothing of them is left to read. */
  readonly series: readonly PlanSeries[];
  readonly venues: ReadonlyMap<string, BackfillVenue>;
  /** Series of which nothing can exist in the range asked for. */
  readonly empty: readonly Series[];
  /** Series that cannot be read as they were asked for: a misspelt symbol, an interval nobody has. */
  readonly refused: readonly Unplanned[];
  /** Venues that could not be asked; their series are not in the plan. */
  readonly away: readonly Unplanned[];
}

export interface Unplanned {
  /** The key of a series, or the id of a venue. */
  readonly what: string;
  readonly error: AppError;
}

export interface BackfillRequest {
  /** Symbols in any spelling of their venue. */
  readonly series: readonly Series[];
  /** Null reaches back to the listing, or as far as the venue answers. */
  readonly from: EpochMs | null;
  /** Exclusive; null for all that has closed. */
  readonly to: EpochMs | null;
  readonly openVenue: (exchange: string) => VenueAdapter;
  readonly pool: Pool;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Plans what can be read. What cannot keeps nothing else from being read: it is told beside the plan,
 * and whoever asked decides. @throws AppError of Postgres; the abort's reason.
 */
export async function prepareBackfill(request: BackfillRequest): Promise<PreparedBackfill> {
  const venues = new Map<string, BackfillVenue>();
  const planned: PlanSeries[] = [];
  const empty: Series[] = [];
  const refused: Unplanned[] = [];
  const away: Unplanned[] = [];
  for (const [exchange, group] of groupByExchange(request.series)) {
    try {
      const venue = await askVenue(request, exchange);
      const plans: PlanSeries[] = [];
      for (const asked of group) {
        const plan = await planOr(request, venue, asked);
        if (plan instanceof AppError) refused.push({ what: seriesKey(asked), error: plan });
        else if ('coverage' in plan) plans.push(plan);
        else empty.push(plan);
      }
      venues.set(exchange, venue);
      planned.push(...plans);
    } catch (error) {
      request.signal?.throwIfAborted();
      if (!(error instanceof AppError) || !error.code.startsWith('WICK_ETL_')) throw error;
      away.push({ what: exchange, error });
    }
  }
  return { plan: planBackfill(planned), series: planned, venues, empty, refused, away };
}

async function askVenue(request: BackfillRequest, exchange: string): Promise<BackfillVenue> {
  const adapter = request.openVenue(exchange);
  const now = await adapter.fetchServerTime(request.signal);
  return { adapter, now };
}

/** What to read of a series, the series where nothing of it can exist, or why it cannot be read. */
async function planOr(
  request: BackfillRequest,
  venue: BackfillVenue,
  asked: Series,
): Promise<PlanSeries | Series | AppError> {
  const { adapter } = venue;
  const { exchange, interval } = asked;
  try {
    if (!adapter.intervals.includes(interval)) {
      throw unsupported(exchange, 'interval', interval, adapter.intervals);
    }
    const instrument = await adapter.findInstrument(asked.symbol, request.signal);
    const series = { ...asked, marketType: adapter.marketType, symbol: instrument.symbol };
    const range = rangeOf(request, series, venue, instrument.onboardTime);
    if (range === null) return series;
    const coverage = await readCoverage(request.pool, series, range, chunkMs(interval));
    return { series, ...range, coverage, cost: adapter.candleCost ?? null };
  } catch (error) {
    const isRefused = error instanceof AppError && REFUSED.includes(error.code);
    if (!isRefused) throw error;
    return error;
  }
}

/** Whoever asked made a mistake, or nothing there is as it was. */
const REFUSED: readonly string[] = ['WICK_ETL_UNSUPPORTED', 'WICK_USAGE'];

function rangeOf(
  { from, to }: BackfillRequest,
  { symbol, interval }: Series,
  { adapter, now }: BackfillVenue,
  listedAt: EpochMs | null,
) {
  try {
    return boundRange({
      interval,
      from,
      to,
      now,
      listedAt,
      reachCandles: adapter.reachCandles,
    });
  } catch (error) {
    throw new AppError(
      'WICK_USAGE',
      `How far back should ${adapter.id} ${symbol} be read? ${errorText(error)}; give a first day`,
      { cause: error },
    );
  }
}

export interface BackfillReport {
  readonly chunksDone: number;
  /** Planned, and not read this time. */
  readonly chunksLeft: number;
  readonly fetched: number;
  readonly inserted: number;
  readonly revised: number;
  readonly unchanged: number;
  readonly quarantined: number;
  /** Series whose older candles count from now on, which they did not before. */
  readonly anchorsMoved: number;
  /** By series, why it was left. */
  readonly failures: readonly { readonly series: string; readonly error: string }[];
}

export interface RunBackfillOptions {
  readonly prepared: PreparedBackfill;
  readonly pool: Pool;
  readonly signal: AbortSignal;
  /** Told after each chunk. */
  readonly onChunk?: ((chunk: Chunk, report: BackfillReport) => void) | undefined;
}

/** Chunks of one venue at once; the rate gate of the venue holds its requests together. */
const CHUNKS_AT_ONCE = 2;
/** Bounds memory: candles of each chunk in hand. Fewer would not be worth a COPY, which is twice as fast. */
const BATCH_ROWS_MAX = 6_000;
const KIND = 'backfill';

/**
 * Reads what was planned. The anchor of a series moves once all of it is stored: older candles that
 * came chunk by chunk are computed in one pass.
 */
export async function runBackfill(options: RunBackfillOptions): Promise<BackfillReport> {
  const { plan, venues, series } = options.prepared;
  const tally = createTally(plan.chunks.length);
  const unread = new Set(plan.chunks.map((chunk) => seriesKey(chunk.series)));
  for (const each of series) {
    // Stored by an earlier run, which may have ended before this.
    if (!unread.has(seriesKey(each.series))) await moveAnchorTo(options, each, tally);
  }
  await Promise.all(
    [...venues].map(([exchange, venue]) => {
      const chunks = plan.chunks.filter((chunk) => chunk.series.exchange === exchange);
      return readVenue(options, venue, queuesOf(chunks), tally);
    }),
  );
  return tally.report();
}

async function moveAnchorTo(
  { pool }: RunBackfillOptions,
  { series, from }: Pick<PlanSeries, 'series' | 'from'>,
  tally: Tally,
): Promise<void> {
  if (await moveAnchor(pool, series, from)) tally.anchorMoved();
}

async function readVenue(
  options: RunBackfillOptions,
  venue: BackfillVenue,
  queues: readonly Chunk[][],
  tally: Tally,
): Promise<void> {
  const busy = new Set<string>();
  const reader = async (): Promise<void> => {
    for (;;) {
      if (options.signal.aborted) return;
      const chunk = takeNewest(queues, (key) => busy.has(key));
      // The rest belongs to series that another reader is at, and it goes on with them.
      if (chunk === null) return;
      const key = seriesKey(chunk.series);
      busy.add(key);
      try {
        tally.add(await readChunk(options, venue, chunk));
        const isWhole = !queues.some(([head]) => head !== undefined && isOf(head, key));
        if (isWhole) await moveAnchorTo(options, planOf(options.prepared, key), tally);
        options.onChunk?.(chunk, tally.report());
      } catch (error) {
        if (options.signal.aborted) return;
        tally.fail(key, `${formatInstant(chunk.from)}: ${errorText(error)}`);
        dropSeries(queues, key);
      } finally {
        busy.delete(key);
      }
    }
  };
  await Promise.all(Array.from({ length: CHUNKS_AT_ONCE }, reader));
}

function isOf({ series }: Chunk, key: string): boolean {
  return seriesKey(series) === key;
}

function planOf({ series }: PreparedBackfill, key: string): PlanSeries {
  const found = series.find((each) => seriesKey(each.series) === key);
  if (found === undefined) throw new Error(`${key} is in no plan`);
  return found;
}

async function readChunk(
  { pool, signal }: RunBackfillOptions,
  { adapter, now }: BackfillVenue,
  { series, from, to }: Chunk,
): Promise<IngestReport> {
  const job = `${KIND}:${seriesKey(series)}`;
  let report: IngestReport | null = null;
  const lock = { kind: ADVISORY_LOCKS.series, name: job };
  const ran = await withRunLock(pool, lock, async () => {
    await abandonRuns(pool, job);
    const batchRowsMax = BATCH_ROWS_MAX;
    const range = { from, to, venueNow: now, movesAnchor: false };
    report = await ingest({ job, adapter, pool, series, ...range, batchRowsMax, signal });
    signal.throwIfAborted();
    await markChunk(pool, series, { from, to }, report.runId);
  });
  if (ran && report !== null) return report;
  throw new AppError('WICK_ETL_LOAD_FAILED', 'another backfill is at this series', {
    retryable: true,
  });
}

/** By series, in the plan's order. */
function queuesOf(chunks: readonly Chunk[]): readonly Chunk[][] {
  const queues = new Map<string, Chunk[]>();
  for (const chunk of chunks) {
    const key = seriesKey(chunk.series);
    const queue = queues.get(key);
    if (queue === undefined) queues.set(key, [chunk]);
    else queue.push(chunk);
  }
  return [...queues.values()];
}

function dropSeries(queues: readonly Chunk[][], key: string): void {
  for (const queue of queues) {
    const [head] = queue;
    if (head !== undefined && seriesKey(head.series) === key) queue.length = 0;
  }
}

interface Tally {
  add(report: IngestReport): void;
  anchorMoved(): void;
  fail(series: string, error: string): void;
  report(): BackfillReport;
}

function createTally(planned: number): Tally {
  const sum = { fetched: 0, inserted: 0, revised: 0, unchanged: 0, quarantined: 0 };
  const failures: { series: string; error: string }[] = [];
  let chunksDone = 0;
  let anchorsMoved = 0;
  return {
    anchorMoved: () => void (anchorsMoved += 1),
    add: ({ counts }) => {
      chunksDone += 1;
      sum.fetched += counts.fetched;
      // One that was stored open and has closed since is new as a closed one.
      sum.inserted += counts.inserted + counts.closed;
      sum.revised += counts.revised;
      sum.unchanged += counts.unchanged;
      sum.quarantined += counts.quarantined;
    },
    fail: (series, error) => void failures.push({ series, error }),
    report: () => ({
      chunksDone,
      chunksLeft: planned - chunksDone,
      ...sum,
      anchorsMoved,
      failures: [...failures],
    }),
  };
}

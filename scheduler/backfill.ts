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
  findInstrument,
  ingest,
  markChunk,
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
  readonly venues: ReadonlyMap<string, BackfillVenue>;
  /** Series of which nothing can exist in the range asked for. */
  readonly empty: readonly Series[];
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

/** @throws AppError WICK_ETL_UNSUPPORTED for what the venue does not have, or of the venue. */
export async function prepareBackfill(request: BackfillRequest): Promise<PreparedBackfill> {
  const venues = new Map<string, BackfillVenue>();
  const planned: PlanSeries[] = [];
  const empty: Series[] = [];
  for (const [exchange, group] of groupByExchange(request.series)) {
    const adapter = request.openVenue(exchange);
    const now = await adapter.fetchServerTime(request.signal);
    const instruments = await adapter.fetchInstruments(request.signal);
    venues.set(exchange, { adapter, now });
    for (const asked of group) {
      const { interval } = asked;
      if (!adapter.intervals.includes(interval)) {
        throw unsupported(exchange, 'interval', interval, adapter.intervals);
      }
      const instrument = findInstrument(instruments, asked.symbol);
      if (instrument === undefined) {
        const known = instruments.map(({ symbol }) => symbol);
        throw unsupported(exchange, 'symbol', asked.symbol, known);
      }
      const series = { ...asked, marketType: adapter.marketType, symbol: instrument.symbol };
      const range = rangeOf(request, series, { adapter, now }, instrument.onboardTime);
      if (range === null) {
        empty.push(series);
        continue;
      }
      const coverage = await readCoverage(request.pool, series, range, chunkMs(interval));
      planned.push({ series, ...range, coverage, cost: adapter.candleCost ?? null });
    }
  }
  return { plan: planBackfill(planned), venues, empty };
}

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

/** Reads what was planned. When it ends, the anchors of the series it completed may move, once. */
export async function runBackfill(options: RunBackfillOptions): Promise<BackfillReport> {
  const { plan, venues } = options.prepared;
  const tally = createTally(plan.chunks.length);
  await Promise.all(
    [...venues].map(([exchange, venue]) => {
      const chunks = plan.chunks.filter(({ series }) => series.exchange === exchange);
      return readVenue(options, venue, queuesOf(chunks), tally);
    }),
  );
  return tally.report();
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
    const range = { from, to, venueNow: now };
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
  fail(series: string, error: string): void;
  report(): BackfillReport;
}

function createTally(planned: number): Tally {
  const sum = { fetched: 0, inserted: 0, revised: 0, unchanged: 0, quarantined: 0 };
  const failures: { series: string; error: string }[] = [];
  let chunksDone = 0;
  return {
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
      failures: [...failures],
    }),
  };
}

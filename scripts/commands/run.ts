/**
 * `wick run --mode batch`: one range, or the newest closed candles, of one series into Postgres, now.
 * The way is the scheduler's: same checks, same record of the run; its watermark stays where it is.
 */
import {
  ingest,
  parseVenueId,
  unsupported,
  abandonRuns,
  type IngestReport,
} from '../../etl/index.ts';
import { closedUntil, type CandleRange } from '../../scheduler/candle-range.ts';
import { withRunLock } from '../../scheduler/run-lock.ts';
import { seriesKey } from '#core/candle.ts';
import { ADVISORY_LOCKS } from '#core/contracts/names.ts';
import { AppError } from '#core/errors.ts';
import type { Interval } from '#core/interval.ts';
import { epochMs, formatInstant, type EpochMs } from '#core/time.ts';
import { systemClock } from '#platform/clock.ts';
import { newestRange } from '../pipeline/newest-range.ts';
import { withVenueAccess, type VenueAccess } from '../pipeline/venue-access.ts';
import { commandConfig } from './command-config.ts';
import { amount, grouped, NOTHING_THERE } from './amounts.ts';
import type { JsonFlag } from './flags.ts';
import { parseCountFlag, parseIntervalFlag, parseTimeFlag } from './series-flags.ts';

export interface RunFlags extends JsonFlag {
  readonly mode: string;
  readonly exchange: string;
  readonly symbol: string;
  readonly tf: string;
  readonly limit?: string;
  readonly from?: string;
  readonly to?: string;
}

interface RunReport {
  readonly series: string;
  readonly runId: string;
  readonly fetched: number;
  readonly inserted: number;
  readonly revised: number;
  readonly closed: number;
  readonly unchanged: number;
  readonly quarantined: number;
  /** Open times asked for, half-open. */
  readonly from: string;
  readonly to: string;
}

const LIMIT_DEFAULT = '500';
const LIMIT_MAX = 1_000_000;
const BATCH_ROWS_MAX = 10_000;
const PROGRESS_MS = 2_000;

export async function run(options: RunFlags): Promise<void> {
  assertBatch(options);
  const interval = parseIntervalFlag(options.tf);
  const range = rangeFlags(options);
  const config = commandConfig();
  const exchange = parseVenueId(options.exchange, config);
  const report = await withVenueAccess(config, (access) =>
    readSeries(access, { exchange, symbol: options.symbol, interval, range }),
  );
  if ('limit' in range && report.fetched < range.limit) {
    process.stderr.write(
      `${report.series}: the venue has ${amount(report.fetched, 'closed candle')}, not ${grouped(range.limit)}\n`,
    );
  }
  if (!('limit' in range) && report.fetched === 0) process.stderr.write(NOTHING_THERE);
  process.stdout.write(options.json === true ? `${JSON.stringify(report)}\n` : describe(report));
}

function assertBatch({ mode, exchange, symbol, tf }: RunFlags): void {
  if (mode === 'batch') return;
  const hint =
    mode === 'stream'
      ? `streams are read by: wick stream --exchange ${exchange} --symbol ${symbol} --tf ${tf}`
      : 'the only mode is batch';
  throw new AppError('WICK_USAGE', `--mode is "${mode}"; ${hint}`);
}

type AskedRange =
  { readonly limit: number } | { readonly from: EpochMs; readonly to: EpochMs | null };

function rangeFlags({ limit, from, to }: RunFlags): AskedRange {
  const start = parseTimeFlag('from', from);
  const end = parseTimeFlag('to', to);
  if (start === null) {
    if (end !== null) throw new AppError('WICK_USAGE', '--to needs --from');
    return { limit: parseCountFlag('limit', limit ?? LIMIT_DEFAULT, LIMIT_MAX) };
  }
  if (limit !== undefined) {
    throw new AppError('WICK_USAGE', 'give either --limit or --from, not both');
  }
  if (end !== null && end <= start) {
    throw new AppError('WICK_USAGE', `--to "${to}" does not lie after --from "${from}"`);
  }
  return { from: start, to: end };
}

interface Asked {
  readonly exchange: string;
  readonly symbol: string;
  readonly interval: Interval;
  readonly range: AskedRange;
}

async function readSeries(
  { pool, venues, signal }: VenueAccess,
  { exchange, symbol, interval, range: asked }: Asked,
): Promise<RunReport> {
  const adapter = venues.open(exchange);
  if (!adapter.intervals.includes(interval)) {
    throw unsupported(exchange, 'interval', interval, adapter.intervals);
  }
  const instrument = await adapter.findInstrument(symbol, signal);
  const series = { exchange, marketType: adapter.marketType, symbol: instrument.symbol, interval };
  const venueNow = await adapter.fetchServerTime(signal);
  assertReach(asked, exchange, adapter.reachCandles);
  // One that was taken off has no newer candles than its last.
  const until = epochMs(Math.min(venueNow, instrument.delistTime ?? venueNow));
  const range =
    'limit' in asked
      ? await newestRange({ adapter, instrument, interval, until, limit: asked.limit, signal })
      : closedRange(asked, interval, until);
  const job = `run:${seriesKey(series)}`;
  const batchRowsMax = BATCH_ROWS_MAX;
  let report: RunReport | undefined;
  await withRunLock(pool, { kind: ADVISORY_LOCKS.series, name: job }, async () => {
    // Only the holder of the lock gets here: what still runs under this name is dead.
    await abandonRuns(pool, job);
    const onProgress = tellProgress(seriesKey(series));
    const work = {
      job,
      adapter,
      pool,
      series,
      ...range,
      venueNow,
      batchRowsMax,
      signal,
      onProgress,
    };
    const { runId, counts } = await ingest(work);
    report = {
      series: seriesKey(series),
      runId: String(runId),
      fetched: counts.fetched,
      inserted: counts.inserted,
      revised: counts.revised,
      closed: counts.closed,
      unchanged: counts.unchanged,
      quarantined: counts.quarantined,
      from: formatInstant(range.from),
      to: formatInstant(range.to),
    };
  });
  if (report !== undefined) return report;
  throw new AppError(
    'WICK_BUSY',
    `another "wick run" is reading ${seriesKey(series)}; run this again when it is done`,
    { retryable: true },
  );
}

/** A line now and then, on stderr, where there is more to read than a moment takes. */
function tellProgress(key: string): (report: IngestReport) => void {
  let told: number = systemClock.now();
  return ({ counts }) => {
    const now = systemClock.now();
    if (now - told < PROGRESS_MS) return;
    told = now;
    process.stderr.write(`${key}: ${amount(counts.fetched, 'candle')} so far\n`);
  };
}

function assertReach(asked: AskedRange, exchange: string, reachCandles: number | null): void {
  if (reachCandles === null || !('limit' in asked) || asked.limit <= reachCandles) return;
  throw new AppError(
    'WICK_USAGE',
    `--limit is "${asked.limit}"; ${exchange} answers for the newest ${reachCandles} candles only`,
  );
}

/** An unclosed candle is left to the scheduler: here everything is final. */
function closedRange(
  asked: Exclude<AskedRange, { limit: number }>,
  interval: Interval,
  now: EpochMs,
): CandleRange {
  const until = closedUntil(interval, now);
  const to = asked.to === null ? until : epochMs(Math.min(asked.to, until));
  if (asked.from < to) return { from: asked.from, to };
  const time = formatInstant(now);
  throw new AppError(
    'WICK_USAGE',
    `no ${interval} candle from ${formatInstant(asked.from)} on has closed; the venue's clock says ${time}`,
  );
}

function describe(report: RunReport): string {
  const { series, runId, fetched, from, to } = report;
  const what = (['inserted', 'closed', 'revised', 'unchanged', 'quarantined'] as const)
    .map((each) => `${each} ${grouped(report[each])}`)
    .join(', ');
  return (
    `${series}: run ${runId}, open times ${from} to ${to}\n` +
    `fetched ${amount(fetched, 'candle')}: ${what}\n`
  );
}

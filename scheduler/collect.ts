/**
 * The collect job: brings every configured series up to the venue's now. What is due follows from the
 * watermark alone, so a missed tick, a crash or a long pause is caught up by the next run. The newest
 * closed candles are read again with each run and a few times after each close, since venues correct
 * them late; where none is due and none was corrected, nothing is written. Failing series do not keep
 * the others from going on; series that are due but have nothing new are asked less and less often.
 */
import { seriesKey, type Series } from '#core/candle.ts';
import { errorText } from '#core/errors.ts';
import { nextOpen } from '#core/interval.ts';
import { epochMs, type EpochMs } from '#core/time.ts';
import type { Logger } from '#platform/logger.ts';
import type { Pool } from '#platform/postgres.ts';
import { ingest, isRevised, readRecentStart, type VenueAdapter } from '../etl/index.ts';
import type { QuietSeries } from './quiet-series.ts';
import type { Rereads } from './rereads.ts';
import type { Watermarks } from './watermarks.ts';

export interface CollectOptions {
  /** Name that its runs are recorded under, for example `collect`. */
  readonly job: string;
  readonly adapter: Pick<VenueAdapter, 'id' | 'marketType' | 'fetchServerTime' | 'fetchCandles'>;
  readonly pool: Pool;
  readonly series: readonly Series[];
  readonly watermarks: Watermarks;
  /** Remembers from tick to tick who had nothing new. */
  readonly quiet: QuietSeries;
  /** Remembers from tick to tick whose newest candles were read again. */
  readonly rereads: Rereads;
  /** How far back a first collection reaches. */
  readonly historyDays: number;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

export interface CollectReport {
  /** Series that had something new. */
  readonly collected: number;
  readonly failed: number;
  readonly candles: number;
}

const SERIES_AT_ONCE = 3;
/** Newest closed candles of a series that are read again. */
const CANDLES_READ_AGAIN = 3;
/** Bounds memory: this many candles of each series at once are in hand. */
const BATCH_ROWS_MAX = 10_000;
const DAY_MS = 86_400_000;
const EARLIEST = Date.UTC(1990, 0, 1);

/** One tick: brings each series up to now and its newest candles up to date, unless it rests. */
export async function collect(options: CollectOptions): Promise<CollectReport> {
  const { quiet, rereads } = options;
  quiet.tick();
  rereads.tick();
  const now = await options.adapter.fetchServerTime(options.signal);
  const queue = [...options.series];
  const report = { collected: 0, failed: 0, candles: 0 };
  const work = async (): Promise<void> => {
    for (let series = queue.shift(); series !== undefined; series = queue.shift()) {
      if (options.signal.aborted) return;
      if (quiet.isResting(seriesKey(series))) continue;
      try {
        const candles = await collectSeries(options, series, now);
        if (candles === null) continue;
        quiet.asked(seriesKey(series), candles > 0);
        if (candles > 0) report.collected += 1;
        report.candles += candles;
      } catch (error) {
        if (options.signal.aborted) return;
        report.failed += 1;
        options.logger.warn({ series: seriesKey(series), err: errorText(error) }, 'not collected');
      }
    }
  };
  await Promise.all(Array.from({ length: SERIES_AT_ONCE }, work));
  return report;
}

/** @returns candles stored, or null when none has closed since the last time and none was corrected. */
async function collectSeries(
  options: CollectOptions,
  series: Series,
  now: EpochMs,
): Promise<number | null> {
  const { adapter, pool, watermarks, rereads, signal } = options;
  const isDone = (watermark: EpochMs | null): boolean =>
    watermark !== null && nextOpen(series.interval, watermark) > now;
  const idle = isDone(await watermarks.cached(series)) || isDone(await watermarks.read(series));
  if (idle && !rereads.take(seriesKey(series))) return null;
  const recent = await readRecentStart(pool, series, CANDLES_READ_AGAIN);
  if (idle) {
    if (recent === null) return null;
    const range = { from: recent, to: now, venueNow: now };
    if (!(await isRevised({ adapter, pool, series, ...range, signal }))) return null;
  }
  // Where to go on from is asked of Postgres alone, whatever the cache said.
  const watermark = await watermarks.read(series);
  const historyFrom = epochMs(Math.max(EARLIEST, now - options.historyDays * DAY_MS));
  const from = watermark === null ? historyFrom : epochMs(Math.min(watermark, recent ?? watermark));
  const report = await ingest({
    job: options.job,
    adapter,
    pool,
    series,
    from,
    to: now,
    countsFrom: epochMs(Math.min(from, historyFrom)),
    venueNow: now,
    batchRowsMax: BATCH_ROWS_MAX,
    signal,
  });
  if (report.watermark !== null) await watermarks.cache(series, report.watermark);
  const { inserted, closed, revised, quarantined } = report.counts;
  if (quarantined > 0) {
    options.logger.warn({ series: seriesKey(series), quarantined }, 'rows refused and kept aside');
  }
  const stored = inserted + closed + revised;
  if (stored > 0) rereads.news(seriesKey(series));
  return stored;
}

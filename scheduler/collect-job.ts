/**
 * Jobs of kind `collect`: bring the series of any number of venues up to now. Venues work side by
 * side, and one that is down keeps no other waiting.
 */
import type { Series } from '#core/candle.ts';
import { abandonRuns } from '../etl/index.ts';
import { abortedOr } from './aborted.ts';
import { collect, type CollectReport } from './collect.ts';
import { allOf, groupByExchange, seriesOfJob } from './job-series.ts';
import { ingestJobName, type Job, type JobKind, type JobServices } from './job.ts';
import { QuietSeries } from './quiet-series.ts';
import { Rereads } from './rereads.ts';

/** What is remembered of one venue from tick to tick. */
interface Memory {
  readonly quiet: QuietSeries;
  readonly rereads: Rereads;
}

export const collectKind: JobKind = {
  needs: 'series',
  prepare: (job, services) => {
    const memories = new Map<string, Memory>();
    const memoryOf = (exchange: string): Memory => {
      const known = memories.get(exchange);
      if (known !== undefined) return known;
      const memory = { quiet: new QuietSeries(), rereads: new Rereads() };
      memories.set(exchange, memory);
      return memory;
    };
    return async (signal) => {
      // Only the holder of the job's lock gets here: what still runs under its name is dead.
      await abandonRuns(services.pool, ingestJobName(job));
      const wanted = await seriesOfJob(job, services);
      const groups = [...groupByExchange(allOf(wanted))];
      const failures: string[] = [];
      const reports = await Promise.all(
        groups.map(async ([exchange, series]): Promise<CollectReport> => {
          try {
            const options = { ...memoryOf(exchange), series, signal };
            const report = await collectVenue(job, services, exchange, options);
            if (report.failed > 0) {
              failures.push(
                `${exchange}: ${report.failed} of ${series.length} series not collected`,
              );
            }
            return report;
          } catch (error) {
            failures.push(`${exchange}: ${abortedOr(signal, error)}`);
            return { collected: 0, failed: series.length, candles: 0 };
          }
        }),
      );
      const report = sumOf(reports);
      const { passedOver } = wanted;
      const told = passedOver.length === 0 ? { ...report } : { ...report, passedOver };
      return { wrote: report.candles, failures, report: told };
    };
  },
};

interface VenueTick extends Memory {
  readonly series: readonly Series[];
  readonly signal: AbortSignal;
}

function collectVenue(
  job: Job,
  { config, pool, venues, watermarks, logger }: JobServices,
  exchange: string,
  tick: VenueTick,
): Promise<CollectReport> {
  return collect({
    ...tick,
    job: ingestJobName(job),
    adapter: venues.open(exchange),
    pool,
    watermarks,
    historyDays: job.historyDays ?? config.COLLECT_HISTORY_DAYS,
    logger,
  });
}

function sumOf(reports: readonly CollectReport[]): CollectReport {
  const sum = { collected: 0, failed: 0, candles: 0 };
  for (const report of reports) {
    sum.collected += report.collected;
    sum.failed += report.failed;
    sum.candles += report.candles;
  }
  return sum;
}

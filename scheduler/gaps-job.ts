/** Jobs of kind `gaps`: look series through for missing candles, `historyDays` back, and repair them. */
import { seriesKey } from '#core/candle.ts';
import { epochMs } from '#core/time.ts';
import { surveyGaps, type GapReport } from '../etl/index.ts';
import { abortedOr } from './aborted.ts';
import { seriesOfJob } from './job-series.ts';
import type { JobKind } from './job.ts';

const DAY_MS = 86_400_000;
const EARLIEST = Date.UTC(1990, 0, 1);

export const gapsKind: JobKind = {
  needs: 'series',
  prepare: (job, services) => async (signal) => {
    const { pool, venues, clock, logger, config } = services;
    const days = job.historyDays ?? config.COLLECT_HISTORY_DAYS;
    const sum = { found: 0, repaired: 0, venueEmpty: 0, unrepairable: 0, stillMissing: 0 };
    const failures: string[] = [];
    // One after another: repairing shares its venue's allowance with collecting.
    for (const series of await seriesOfJob(job, services)) {
      try {
        const adapter = venues.open(series.exchange);
        // By the venue's clock: what it has not closed yet is not missing.
        const to = await adapter.fetchServerTime(signal);
        const from = epochMs(Math.max(EARLIEST, to - days * DAY_MS));
        add(sum, await surveyGaps({ pool, adapter, series, from, to, clock, logger, signal }));
      } catch (error) {
        failures.push(`${seriesKey(series)}: ${abortedOr(signal, error)}`);
      }
    }
    return { wrote: sum.repaired, failures, report: sum };
  },
};

function add(sum: Record<keyof GapReport, number>, report: GapReport): void {
  sum.found += report.found;
  sum.repaired += report.repaired;
  sum.venueEmpty += report.venueEmpty;
  sum.unrepairable += report.unrepairable;
  sum.stillMissing += report.stillMissing;
}

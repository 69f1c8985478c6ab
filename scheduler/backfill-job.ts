/** Jobs of kind `backfill`: complete the history of series, `historyDays` back or as far as it reaches. */
import { epochMs } from '#core/time.ts';
import { prepareBackfill, runBackfill } from './backfill.ts';
import { seriesOfJob } from './job-series.ts';
import type { JobKind } from './job.ts';

const DAY_MS = 86_400_000;
const EARLIEST = Date.UTC(1990, 0, 1);

export const backfillKind: JobKind = {
  needs: 'series',
  prepare:
    (job, { pool, venues, clock, ...services }) =>
    async (signal) => {
      const series = await seriesOfJob(job, { pool, venues, ...services });
      const { historyDays } = job;
      // A day's edge: a range that begins anew with each run would be read anew with each run.
      const today = Math.floor(clock.now() / DAY_MS) * DAY_MS;
      const from =
        historyDays === null ? null : epochMs(Math.max(EARLIEST, today - historyDays * DAY_MS));
      const openVenue = (exchange: string) => venues.open(exchange);
      const prepared = await prepareBackfill({ series, from, to: null, openVenue, pool, signal });
      const report = await runBackfill({ prepared, pool, signal });
      return {
        wrote: report.inserted + report.revised,
        failures: report.failures.map(({ series: key, error }) => `${key}: ${error}`),
        report: { ...report, skipped: prepared.plan.skipped },
      };
    },
};

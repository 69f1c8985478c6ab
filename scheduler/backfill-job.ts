/**
 * Jobs of kind `backfill`: complete the history of series, `historyDays` back or as far as it reaches. A
 * venue that is down, or a symbol that no venue has, fails its part; the others go on.
 */
import { errorText } from '#core/errors.ts';
import { epochMs } from '#core/time.ts';
import { prepareBackfill, runBackfill } from './backfill.ts';
import { daysBack } from './days-back.ts';
import { allOf, seriesOfJob } from './job-series.ts';
import type { JobKind } from './job.ts';

const DAY_MS = 86_400_000;

export const backfillKind: JobKind = {
  needs: 'series',
  prepare:
    (job, { pool, venues, clock, ...services }) =>
    async (signal) => {
      const wanted = await seriesOfJob(job, { pool, venues, ...services });
      const series = allOf(wanted);
      const { historyDays } = job;
      // A day's edge: a range that begins anew with each run would be read anew with each run.
      const today = epochMs(Math.floor(clock.now() / DAY_MS) * DAY_MS);
      const from = historyDays === null ? null : daysBack(today, historyDays);
      const openVenue = (exchange: string) => venues.open(exchange);
      const prepared = await prepareBackfill({ series, from, to: null, openVenue, pool, signal });
      const report = await runBackfill({ prepared, pool, signal });
      const unplanned = [...prepared.refused, ...prepared.away];
      const { passedOver } = wanted;
      return {
        wrote: report.inserted + report.revised,
        failures: [
          ...unplanned.map(({ what, error }) => `${what}: ${errorText(error)}`),
          ...report.failures.map(({ series: key, error }) => `${key}: ${error}`),
        ],
        report: {
          ...report,
          skipped: prepared.plan.skipped,
          ...(passedOver.length > 0 ? { passedOver } : {}),
        },
      };
    },
};

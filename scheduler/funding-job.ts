/**
 * Jobs of kind `funding`: the payments of perpetuals, `historyDays` back; known ones write nothing.
 * Of a series only venue and symbol count: payments have no width.
 */
import { epochMs } from '#core/time.ts';
import { ingestFunding } from '../etl/index.ts';
import { abortedOr } from './aborted.ts';
import { seriesOfJob } from './job-series.ts';
import { ingestJobName, type JobKind } from './job.ts';

const DAY_MS = 86_400_000;
const EARLIEST = Date.UTC(1990, 0, 1);

export const fundingKind: JobKind = {
  needs: 'series',
  prepare: (job, services) => async (signal) => {
    const { pool, venues, config } = services;
    const days = job.historyDays ?? config.COLLECT_HISTORY_DAYS;
    const sum = { fetched: 0, inserted: 0, revised: 0, unchanged: 0, quarantined: 0 };
    const failures: string[] = [];
    const instruments = new Map(
      (await seriesOfJob(job, services)).map(({ exchange, symbol }) => [
        `${exchange}|${symbol}`,
        { exchange, symbol },
      ]),
    );
    for (const [key, { exchange, symbol }] of instruments) {
      try {
        const adapter = venues.open(exchange);
        const to = await adapter.fetchServerTime(signal);
        const from = epochMs(Math.max(EARLIEST, to - days * DAY_MS));
        const range = { job: ingestJobName(job), symbol, from, to, signal };
        const report = await ingestFunding({ ...range, adapter, pool });
        sum.fetched += report.fetched;
        sum.inserted += report.inserted;
        sum.revised += report.revised;
        sum.unchanged += report.unchanged;
        sum.quarantined += report.quarantined;
      } catch (error) {
        failures.push(`${key}: ${abortedOr(signal, error)}`);
      }
    }
    return { wrote: sum.inserted + sum.revised, failures, report: sum };
  },
};

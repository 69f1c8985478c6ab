/**
 * Jobs of kind `housekeeping`: close what dead processes left running, and forget records that are old
 * enough by RETAIN_*. It has neither series nor venues.
 */
import { AppError } from '#core/errors.ts';
import { epochMs } from '#core/time.ts';
import type { Config } from '#platform/config.ts';
import { keepHouse, RAW_DAYS_MIN, type Retention } from '../etl/index.ts';
import { pruneJobRuns } from './job-state.ts';
import type { JobKind } from './job.ts';

const DAY_MS = 86_400_000;

export const housekeepingKind: JobKind = {
  needs: 'nothing',
  prepare: (_job, { config, pool, clock }) => {
    const retention = retentionOf(config);
    const jobRunsDays = orNull(config.RETAIN_JOB_RUNS_DAYS);
    return async (signal) => {
      const now = clock.now();
      const report = await keepHouse(pool, retention, { now, signal });
      const jobRuns =
        jobRunsDays === null
          ? 0
          : await pruneJobRuns(pool, epochMs(Math.max(0, now - jobRunsDays * DAY_MS)));
      const { abandoned, quarantine, runs, rawMonths } = report;
      const wrote = abandoned + quarantine + runs + jobRuns + rawMonths.length;
      return { wrote, failures: [], report: { ...report, jobRuns } };
    };
  },
};

/** @throws AppError WICK_CONFIG_INVALID. */
function retentionOf(config: Config): Retention {
  const { RETAIN_RAW_DAYS: rawDays } = config;
  if (rawDays > 0 && rawDays < RAW_DAYS_MIN) {
    throw new AppError(
      'WICK_CONFIG_INVALID',
      `RETAIN_RAW_DAYS is "${rawDays}": give 0 to keep all raw payloads, or at least ${RAW_DAYS_MIN} days, since candles of a month lean on payloads of the month before`,
    );
  }
  return {
    rawDays: orNull(rawDays),
    runsDays: orNull(config.RETAIN_RUNS_DAYS),
    quarantineDays: orNull(config.RETAIN_QUARANTINE_DAYS),
  };
}

/** 0 days are for ever. */
function orNull(days: number): number | null {
  return days === 0 ? null : days;
}

/**
 * Jobs of kind `gaps`: look series through for missing candles, have the venues asked, keep the gap
 * ledger true. Without `historyDays` from the first stored candle on. One series at a time: it is in
 * no hurry, and what collects shall go before it.
 */
import { seriesKey, type Series } from '#core/candle.ts';
import { epochMs, type EpochMs } from '#core/time.ts';
import {
  loadHalts,
  readFirstOpen,
  surveyGaps,
  type GapReport,
  type KnownHalt,
} from '../etl/index.ts';
import { abortedOr } from './aborted.ts';
import { seriesOfJob } from './job-series.ts';
import type { Job, JobKind, JobServices } from './job.ts';

const DAY_MS = 86_400_000;
const EARLIEST = Date.UTC(1990, 0, 1);

export const gapsKind: JobKind = {
  needs: 'series',
  prepare: (job, services) => {
    // A broken list ends the start, not the first run.
    const halts = loadHalts(services.config.KNOWN_HALTS);
    return async (signal) => {
      const sum = {
        series: 0,
        found: 0,
        repaired: 0,
        venueEmpty: 0,
        unrepairable: 0,
        stillMissing: 0,
      };
      const failures: string[] = [];
      for (const series of await seriesOfJob(job, services)) {
        try {
          const report = await survey(job, { ...services, halts }, series, signal);
          if (report === null) continue;
          sum.series += 1;
          sum.found += report.found;
          sum.repaired += report.repaired;
          sum.venueEmpty += report.venueEmpty;
          sum.unrepairable += report.unrepairable;
          sum.stillMissing += report.stillMissing;
        } catch (error) {
          failures.push(`${seriesKey(series)}: ${abortedOr(signal, error)}`);
        }
      }
      return { wrote: sum.repaired, failures, report: sum };
    };
  },
};

async function survey(
  { historyDays }: Job,
  { pool, venues, clock, logger, halts }: JobServices & { readonly halts: readonly KnownHalt[] },
  series: Series,
  signal: AbortSignal,
): Promise<GapReport | null> {
  const now = clock.now();
  const from =
    historyDays === null ? await readFirstOpen(pool, series) : daysBack(now, historyDays);
  // Never collected: what is to be there is not known yet.
  if (from === null) return null;
  const adapter = venues.open(series.exchange);
  return surveyGaps({ pool, adapter, series, from, to: now, clock, logger, halts, signal });
}

function daysBack(now: EpochMs, days: number): EpochMs {
  return epochMs(Math.max(EARLIEST, now - days * DAY_MS));
}

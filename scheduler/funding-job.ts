/**
 * Jobs of kind `funding`: bring the funding payments of perpetuals up to now. Each instrument of its
 * series once, whatever their intervals; those of venues that pay none are passed over. The newest
 * stored payments are read again each time, since venues correct them; known ones write nothing.
 */
import type { Series } from '#core/candle.ts';
import { epochMs, type EpochMs } from '#core/time.ts';
import { ingestFunding, readNewestFunding } from '../etl/index.ts';
import { abortedOr } from './aborted.ts';
import { seriesOfJob } from './job-series.ts';
import { ingestJobName, type Job, type JobKind, type JobServices } from './job.ts';

const DAY_MS = 86_400_000;
const EARLIEST = Date.UTC(1990, 0, 1);
/** How far back a first reading goes where the job does not say. */
const HISTORY_DAYS = 90;
/** Stored payments no older than this are read again. */
const READ_AGAIN_MS = DAY_MS;

export const fundingKind: JobKind = {
  needs: 'series',
  prepare: (job, services) => async (signal) => {
    const sum = { instruments: 0, fetched: 0, inserted: 0, revised: 0, quarantined: 0 };
    const failures: string[] = [];
    for (const instrument of instrumentsOf(await seriesOfJob(job, services))) {
      const adapter = services.venues.open(instrument.exchange);
      if (adapter.fetchFunding === null) continue;
      try {
        const { pool } = services;
        const { symbol } = instrument;
        const to = await adapter.fetchServerTime(signal);
        const from = await startOf(job, services, instrument, to);
        const name = ingestJobName(job);
        const report = await ingestFunding({ job: name, adapter, pool, symbol, from, to, signal });
        sum.instruments += 1;
        sum.fetched += report.fetched;
        sum.inserted += report.inserted;
        sum.revised += report.revised;
        sum.quarantined += report.quarantined;
      } catch (error) {
        failures.push(`${instrument.exchange} ${instrument.symbol}: ${abortedOr(signal, error)}`);
      }
    }
    return { wrote: sum.inserted + sum.revised, failures, report: sum };
  },
};

type Instrument = Omit<Series, 'interval'>;

function instrumentsOf(series: readonly Series[]): Instrument[] {
  const found = new Map<string, Instrument>();
  for (const { exchange, marketType, symbol } of series) {
    found.set(`${exchange}|${marketType}|${symbol}`, { exchange, marketType, symbol });
  }
  return [...found.values()];
}

async function startOf(
  job: Job,
  { pool }: JobServices,
  instrument: Instrument,
  now: EpochMs,
): Promise<EpochMs> {
  const newest = await readNewestFunding(pool, instrument);
  const days = job.historyDays ?? HISTORY_DAYS;
  const from = newest === null ? now - days * DAY_MS : newest.time - READ_AGAIN_MS;
  return epochMs(Math.max(EARLIEST, from));
}

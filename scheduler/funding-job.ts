/**
 * Jobs of kind `funding`: bring the funding payments of perpetuals up to now. Each instrument of its
 * series once, whatever their intervals; those of venues that pay none are passed over. The newest
 * stored payments are read again each time, since venues correct them; known ones write nothing. One
 * that was delisted is read up to its end, and then left alone until the next start.
 */
import type { Series } from '#core/candle.ts';
import { AppError } from '#core/errors.ts';
import { epochMs, type EpochMs } from '#core/time.ts';
import {
  ingestFunding,
  readListing,
  readNewestFunding,
  type FundingReport,
  type VenueAdapter,
} from '../etl/index.ts';
import { abortedOr } from './aborted.ts';
import { daysBack } from './days-back.ts';
import { allOf, seriesOfJob } from './job-series.ts';
import { ingestJobName, type Job, type JobKind, type JobServices } from './job.ts';
import { VenueClocks } from './venue-clocks.ts';

const DAY_MS = 86_400_000;
/** How far back a first reading goes where the job does not say. */
const HISTORY_DAYS = 90;
/** Stored payments no older than this are read again; as long after its end one may still be told. */
const READ_AGAIN_MS = DAY_MS;

export const fundingKind: JobKind = {
  needs: 'series',
  prepare: (job, services) => {
    /** Delisted, and read up to the end: nothing more will come. */
    const ended = new Set<string>();
    return async (signal) => {
      const sum = { instruments: 0, fetched: 0, inserted: 0, revised: 0, quarantined: 0 };
      const failures: string[] = [];
      const wanted = await seriesOfJob(job, services);
      const passedOver = [...wanted.passedOver];
      const clocks = new VenueClocks(services.venues, services.clock);
      for (const [key, instrument] of instrumentsOf(allOf(wanted))) {
        const adapter = services.venues.open(instrument.exchange);
        if (adapter.fetchFunding === null || ended.has(key)) continue;
        const listing = await readListing(services.pool, instrument);
        const delistedAt = listing?.delistedAt ?? null;
        try {
          const now = await clocks.now(instrument.exchange, signal);
          const isOver = delistedAt !== null && delistedAt + READ_AGAIN_MS < now;
          const to = isOver ? epochMs(delistedAt + READ_AGAIN_MS) : now;
          const report = await read(job, services, { adapter, instrument, now, to, signal });
          if (isOver) ended.add(key);
          if (report === null) continue;
          sum.instruments += 1;
          sum.fetched += report.fetched;
          sum.inserted += report.inserted;
          sum.revised += report.revised;
          sum.quarantined += report.quarantined;
        } catch (error) {
          const told = `${instrument.exchange} ${instrument.symbol}: ${abortedOr(signal, error)}`;
          if (delistedAt === null || !isUnknown(error)) failures.push(told);
          else {
            ended.add(key);
            passedOver.push(told);
          }
        }
      }
      const report = passedOver.length === 0 ? sum : { ...sum, passedOver };
      return { wrote: sum.inserted + sum.revised, failures, report };
    };
  },
};

/** The venue no longer knows what it once took off. */
function isUnknown(error: unknown): boolean {
  return error instanceof AppError && error.code === 'WICK_ETL_UNSUPPORTED';
}

type Instrument = Omit<Series, 'interval'>;

function instrumentsOf(series: readonly Series[]): ReadonlyMap<string, Instrument> {
  const found = new Map<string, Instrument>();
  for (const { exchange, marketType, symbol } of series) {
    found.set(`${exchange}|${marketType}|${symbol}`, { exchange, marketType, symbol });
  }
  return found;
}

interface Reading {
  readonly adapter: VenueAdapter;
  readonly instrument: Instrument;
  /** The venue's. */
  readonly now: EpochMs;
  /** Exclusive. */
  readonly to: EpochMs;
  readonly signal: AbortSignal;
}

/** @returns null where nothing lies between what is stored and the end. */
async function read(
  job: Job,
  { pool }: JobServices,
  { adapter, instrument, now, to, signal }: Reading,
): Promise<FundingReport | null> {
  const newest = await readNewestFunding(pool, instrument);
  const from =
    newest === null
      ? daysBack(now, job.historyDays ?? HISTORY_DAYS)
      : epochMs(newest.time - READ_AGAIN_MS);
  if (from >= to) return null;
  const { symbol } = instrument;
  return ingestFunding({ job: ingestJobName(job), adapter, pool, symbol, from, to, signal });
}

/**
 * The series of a job: those it names, what the catalogue says of those it selects, and with STORED
 * what Postgres holds. Out: series that can be asked for, and in words what was passed over.
 */
import { seriesKey, type Series } from '#core/candle.ts';
import { selectSymbols } from '../etl/index.ts';
import type { Job, JobServices } from './job.ts';
import { findStored } from './stored-series.ts';

export interface JobSeries {
  /** Named or selected. */
  readonly named: readonly Series[];
  /** Stored, and not among the named ones. */
  readonly stored: readonly Series[];
  /** What is stored and cannot be asked for, and why: for people. */
  readonly passedOver: readonly string[];
}

export async function seriesOfJob(
  job: Job,
  services: Pick<JobServices, 'pool' | 'venues' | 'logger'>,
): Promise<JobSeries> {
  const named = await namedSeries(job, services);
  if (!job.stored) return { named, stored: [], passedOver: [] };
  const keys = new Set(named.map((series) => seriesKey(series)));
  const { series, passedOver } = await findStored(services);
  for (const why of passedOver) services.logger.warn({ job: job.name }, `passed over: ${why}`);
  return { named, stored: series.filter((each) => !keys.has(seriesKey(each))), passedOver };
}

/** All of them, those that are named first. */
export function allOf({ named, stored }: JobSeries): readonly Series[] {
  return [...named, ...stored];
}

async function namedSeries(
  { series, select }: Job,
  { pool, venues }: Pick<JobServices, 'pool' | 'venues'>,
): Promise<readonly Series[]> {
  if (select === null) return series;
  const { exchange, intervals } = select;
  const { marketType } = venues.open(exchange);
  const symbols = await selectSymbols(pool, { ...select, marketType });
  return symbols.flatMap((symbol) =>
    intervals.map((interval) => ({ exchange, marketType, symbol, interval })),
  );
}

/** By venue, in the order of their first series. */
export function groupByExchange(series: readonly Series[]): ReadonlyMap<string, readonly Series[]> {
  return Map.groupBy(series, ({ exchange }) => exchange);
}

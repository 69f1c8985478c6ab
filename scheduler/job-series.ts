/** The series of a job: those it names, or what the catalogue says of those it selects. */
import type { Series } from '#core/candle.ts';
import { selectSymbols } from '../etl/index.ts';
import type { Job, JobServices } from './job.ts';

export async function seriesOfJob(
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
  const groups = new Map<string, Series[]>();
  for (const each of series) {
    const group = groups.get(each.exchange);
    if (group === undefined) groups.set(each.exchange, [each]);
    else group.push(each);
  }
  return groups;
}

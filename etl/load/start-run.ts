/** Opens the record of a run. In: job, series, range. Out: the run's id, which every row it writes carries. */
import type { Series } from '#core/candle.ts';
import type { EpochMs } from '#core/time.ts';
import type { Pool } from '#platform/postgres.ts';

export interface RunStart {
  /** Name of the job that asked, for example `collect`. */
  readonly job: string;
  readonly series: Series;
  /** First open time asked for. */
  readonly from: EpochMs;
  /** Open times end before this. */
  readonly to: EpochMs;
}

const START = `
  insert into market.ingest_runs
    (job, exchange, market_type, symbol, interval, range_from, range_to)
  values ($1::text, $2::text, $3::text, $4::text, $5::text, $6::timestamptz, $7::timestamptz)
  returning id`;

export async function startRun(pool: Pool, run: RunStart): Promise<bigint> {
  const { series } = run;
  const result = await pool.query<{ id: string }>(START, [
    run.job,
    series.exchange,
    series.marketType,
    series.symbol,
    series.interval,
    new Date(run.from).toISOString(),
    new Date(run.to).toISOString(),
  ]);
  const id = result.rows[0]?.id;
  if (id === undefined) throw new Error('the run was given no id');
  return BigInt(id);
}

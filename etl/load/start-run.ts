/**
 * Opens the record of a run. In: job, series, range. Out: the run's id, which every row it writes
 * carries. It is written on the session that proves that this process lives.
 */
import type { Series } from '#core/candle.ts';
import type { EpochMs } from '#core/time.ts';
import type { Pool } from '#platform/postgres.ts';
import { runWorkerOf } from './run-worker.ts';

export interface RunStart {
  /** Name of the job that asked, for example `collect`. */
  readonly job: string;
  readonly series: Series;
  /** First open time asked for. */
  readonly from: EpochMs;
  /** Open times end before this. */
  readonly to: EpochMs;
}

/** A session that turns out to be lost is followed by another one, once. */
const ATTEMPTS_MAX = 2;

const START = `
  insert into market.ingest_runs
    (job, exchange, market_type, symbol, interval, range_from, range_to, worker)
  values ($1::text, $2::text, $3::text, $4::text, $5::text, $6::timestamptz, $7::timestamptz, $8::text)
  returning id`;

export async function startRun(pool: Pool, run: RunStart): Promise<bigint> {
  for (let attempt = 1; ; attempt += 1) {
    const { name, session } = await runWorkerOf(pool);
    try {
      const result = await session.query<{ id: string }>(START, [...columnsOf(run), name]);
      const id = result.rows[0]?.id;
      if (id === undefined) throw new Error('the run was given no id');
      return BigInt(id);
    } catch (error) {
      // If it was written all the same, it is a dead worker's run and will be closed as such.
      if (session.isOpen() || attempt >= ATTEMPTS_MAX) throw error;
    }
  }
}

function columnsOf({ job, series, from, to }: RunStart): readonly string[] {
  return [
    job,
    series.exchange,
    series.marketType,
    series.symbol,
    series.interval,
    new Date(from).toISOString(),
    new Date(to).toISOString(),
  ];
}

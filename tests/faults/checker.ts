/**
 * All invariants that can be read off the stores, in one go. In: Postgres and ClickHouse at rest, what
 * was acknowledged. Out: violations; none means that both tell one story.
 */
import { checkAcked, checkCandles, postgresCandles } from './candle-check.ts';
import { checkBits, checkCoverage, checkWindows } from './derived-check.ts';
import type { TestPipeline } from '../support/pipeline.ts';
import type { Violation } from './violation.ts';
import type { Workload } from './workload.ts';

export async function findViolations(
  { pool, clickhouse }: Pick<TestPipeline, 'pool' | 'clickhouse'>,
  workloads: readonly Pick<Workload, 'acked' | 'unsure'>[],
): Promise<Violation[]> {
  const postgres = await postgresCandles(pool);
  return [
    ...(await checkCandles(postgres, clickhouse)),
    ...workloads.flatMap((workload) => checkAcked(postgres, workload)),
    ...(await checkCoverage(postgres, clickhouse)),
    ...(await checkBits(pool, clickhouse)),
    ...(await checkWindows(pool, clickhouse)),
  ];
}

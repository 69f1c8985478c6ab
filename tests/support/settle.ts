/**
 * Waits until all that is committed in Postgres has gone through Kafka and the analyzer, and holds the
 * two ends against each other. In: a pipeline with a connector and an analyzer that run.
 */
import { expect } from 'vitest';
import { epochMs } from '#core/time.ts';
import { readRows } from '#platform/clickhouse.ts';
import { producerOf } from '../../analyzer/running-rules.ts';
import { waitFor } from '../../local/stack/wait.ts';
import { readCounts } from '../../scripts/pipeline/counts.ts';
import { reconcile } from '../../scripts/pipeline/reconcile.ts';
import { testCandle } from './candles.ts';
import { expectedEvaluations, PRODUCTION_RULES, storedEvaluations } from './evaluations.ts';
import { storeCandles } from './market.ts';
import type { TestPipeline } from './pipeline.ts';

/** WICK_SETTLE_MS is for runs with far more rows than the suites have. */
const TIMEOUT_MS = Number(process.env['WICK_SETTLE_MS'] ?? 90_000);
const producer = producerOf(PRODUCTION_RULES);
const MARK = 'MARK/USDT';
let marks = 0;

/** Sends a marked candle behind everything, waits for it and until nothing is left to consume. */
export async function settle(pipeline: TestPipeline): Promise<void> {
  const { pool, clickhouse } = pipeline;
  marks += 1;
  const openTime = epochMs(testCandle().openTime + marks * 60_000);
  await storeCandles(pool, [testCandle({ symbol: MARK, openTime })]);
  const through = async (): Promise<boolean> => {
    const rows = await readRows<{ n: string }>(
      clickhouse,
      `select count() as n from candles
       where symbol = {symbol:String} and toUnixTimestamp64Milli(open_time) = {openTime:Int64}`,
      { symbol: MARK, openTime },
    );
    return rows[0]?.n !== '0';
  };
  await waitFor(through, { what: 'the last change to reach ClickHouse', timeoutMs: TIMEOUT_MS });
  await untilConsumed(pipeline);
}

/** Waits until the analyzer has committed everything that the topic holds. */
export async function untilConsumed({ pool, clickhouse, admin }: TestPipeline): Promise<void> {
  const level = async (): Promise<boolean> =>
    (await readCounts({ pool, clickhouse, kafka: admin, producer })).lag === 0;
  await waitFor(level, { what: 'nothing to be left to consume', timeoutMs: TIMEOUT_MS });
}

/**
 * Settles; then every candle must be the same on both sides, and every feature and signal the one
 * that folding the candles of Postgres from scratch gives, bit for bit.
 */
export async function expectBothEndsEqual(pipeline: TestPipeline): Promise<void> {
  await settle(pipeline);
  const { pool, clickhouse } = pipeline;
  const clients = { pool, clickhouse, producer };
  const { mismatches } = await reconcile(clients);
  expect(mismatches).toEqual([]);
  const [expected, stored] = await Promise.all([
    expectedEvaluations(pool),
    storedEvaluations(clickhouse),
  ]);
  const wrong = stored.filter((row, index) => row !== expected[index]);
  expect(wrong.slice(0, 3), `${wrong.length} evaluations differ`).toEqual([]);
  expect(stored.length).toBe(expected.length);
}

const DATA_TABLES = ['candles', 'candle_revisions', 'features', 'signals'] as const;

/** Every column of every current row of the four tables, marks apart, as count and hash per table. */
export async function tableHashes(
  client: TestPipeline['clickhouse'],
): Promise<Record<string, string>> {
  const hashes: Record<string, string> = {};
  for (const table of DATA_TABLES) {
    const rows = await readRows<{ hash: string; n: string }>(
      client,
      `select toString(count()) as n, hex(groupBitXor(sipHash64(text))) as hash
       from (select toString(tuple(*)) as text from ${table} final where symbol != '${MARK}')`,
    );
    hashes[table] = `${rows[0]?.n} ${rows[0]?.hash}`;
  }
  return hashes;
}

/**
 * The connector is registered while the loader works. A transaction that was already writing when the
 * snapshot was taken, and commits first after it, has records older than the snapshot and no commit
 * before it: nothing in its events says that they come later. They must arrive all the same.
 */
import { expect, test } from 'vitest';
import { TOPIC_CANDLES } from '#core/contracts/names.ts';
import type { PoolClient } from '#platform/postgres.ts';
import { waitFor } from '../../local/stack/wait.ts';
import { ensureMonths, storeCandles, writeCandles } from '../support/market.ts';
import { usePipeline } from '../support/pipeline.ts';
import { expectBothEndsEqual } from '../support/settle.ts';
import { eventsOf } from '../support/topic-recorder.ts';
import { walkCandles } from '../support/walk.ts';

const pipeline = usePipeline();
const SYMBOL = 'OVERLAP/USDT';

/** The making of a slot waits for the transactions that run when it begins, twice. */
async function slotWaitsFor(holder: PoolClient): Promise<void> {
  const { rows } = await holder.query<{ pid: number }>('select pg_backend_pid() as pid');
  const waits = async (): Promise<boolean> => {
    const found = await pipeline.pool.query(
      `select 1 from pg_stat_activity
       where query ilike '%create_replication_slot%' and $1 = any(pg_blocking_pids(pid))`,
      [rows[0]?.pid],
    );
    return found.rowCount === 1;
  };
  await waitFor(waits, { what: 'the slot to wait', timeoutMs: 30_000 });
}

test('a transaction that overlaps the first snapshot is not lost', async () => {
  const { pool } = pipeline;
  const candles = walkCandles(120, { symbol: SYMBOL, seed: 1 });
  await ensureMonths(pool, candles);
  await storeCandles(pool, candles.slice(0, 100));
  // Takes the snapshot a while to read.
  await storeCandles(pool, walkCandles(30_000, { symbol: 'LONG/USDT', seed: 2 }));
  const [first, second, overlapping] = [
    await pool.connect(),
    await pool.connect(),
    await pool.connect(),
  ];
  await first.query('begin');
  await writeCandles(first, [candles[100]!]);
  const activated = pipeline.activate();
  await slotWaitsFor(first);
  await second.query('begin');
  await writeCandles(second, [candles[101]!]);
  await first.query('commit');
  await slotWaitsFor(second);
  await overlapping.query('begin');
  // A revision of a candle that the snapshot has, and new ones.
  const revised = { ...candles[50]!, close: candles[50]!.high };
  await writeCandles(overlapping, [revised, ...candles.slice(102, 110)]);
  await second.query('commit');
  const topic = await pipeline.record(TOPIC_CANDLES);
  await topic.until('the snapshot to begin', (records) => records.length > 0);
  await writeCandles(overlapping, candles.slice(110));
  await overlapping.query('commit');
  for (const client of [first, second, overlapping]) client.release();
  await activated;

  const streamed = () => eventsOf(topic.records, SYMBOL).filter(({ op }) => op !== 'r');
  await topic.until('the overlapping transaction', () => streamed().length === 19);
  const snapshot = eventsOf(topic.records, SYMBOL).find(({ op }) => op === 'r')!;
  const lsn = snapshot.source.lsn ?? 0;
  // Else this test shows nothing.
  expect(streamed()[0]?.source.sequence).toMatch(/^\[null,/);
  expect(streamed()[0]?.source.lsn).toBeLessThan(lsn);
  expect(streamed().at(-1)?.source.lsn).toBeGreaterThan(lsn);

  await pipeline.startAnalyzer();
  await expectBothEndsEqual(pipeline);
});

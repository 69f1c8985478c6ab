/**
 * The analyzer is killed in mid-stream, loses its cache, loses its checkpoints. Whatever is taken from
 * it, in the end every row of every table must be the one that an analyzer which was never disturbed
 * writes for the same topic: equal hashes over all columns, versions and float bits included.
 */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TOPIC_CANDLES } from '#core/contracts/names.ts';
import {
  clickHouseOptions,
  createClickHouse,
  type ClickHouseClient,
} from '#platform/clickhouse.ts';
import { migrateClickHouse } from '#platform/migrate-clickhouse.ts';
import { waitFor } from '../../local/stack/wait.ts';
import { storeCandles } from '../support/market.ts';
import type { OwnProcess } from '../support/own-process.ts';
import { usePipeline } from '../support/pipeline.ts';
import { committedOffsets, forgetGroup } from '../support/replay.ts';
import { expectBothEndsEqual, tableHashes, untilConsumed } from '../support/settle.ts';
import { walkCandles } from '../support/walk.ts';

const pipeline = usePipeline();

const SYMBOLS = ['KILL-A/USDT', 'KILL-B/USDT', 'KILL-C/USDT', 'KILL-D/USDT'];
const CANDLES = 1_500;
/** Small steps and many checkpoints, so that a kill meets every state of affairs. */
const SLOWLY = {
  ANALYZER_FLUSH_ROWS_MAX: '100',
  ANALYZER_CHECKPOINT_MS: '100',
  // The next analyzer waits for a killed one this long.
  ANALYZER_SESSION_TIMEOUT_MS: '6000',
};
const TIMEOUT_MS = 150_000;
const REFERENCE = `wick_test_${randomBytes(6).toString('hex')}`;
let reference: ClickHouseClient;
let changes = 0;

beforeAll(async () => {
  const { pool } = pipeline;
  const series = SYMBOLS.map((symbol, seed) => walkCandles(CANDLES, { symbol, seed }));
  await storeCandles(
    pool,
    series.flatMap((candles) => candles.slice(0, 300)),
  );
  await pipeline.activate();
  const topic = await pipeline.record(TOPIC_CANDLES);
  await storeCandles(
    pool,
    series.flatMap((candles) => candles.slice(300)),
  );
  // Revisions and deletes in the past, of all series.
  for (const minute of [1_490, 700, 40]) {
    await storeCandles(
      pool,
      series.map((candles) => ({ ...candles[minute]!, close: candles[minute]!.low })),
    );
  }
  await pool.query(`delete from market.candles where extract(minute from open_time) = 7`);
  const removed = SYMBOLS.length * Math.ceil((CANDLES - 7) / 60);
  changes = SYMBOLS.length * (CANDLES + 3) + removed;
  await topic.until('all changes', (records) => records.length >= changes);
  expect(topic.records.length).toBe(changes);

  const options = { ...clickHouseOptions(pipeline.config, 'test'), database: REFERENCE };
  await migrateClickHouse(options);
  reference = createClickHouse(options);
});

afterAll(async () => {
  await reference.command({ query: `drop database ${REFERENCE}` });
  await reference.close();
});

/** Records that the analyzer has committed. */
async function committed(): Promise<number> {
  let sum = 0n;
  for (const offset of (await committedOffsets(pipeline.admin)).values()) {
    if (offset > 0n) sum += offset;
  }
  return Number(sum);
}

/** Waits until the analyzer is past a part of the topic, then kills it. @returns where it was. */
async function killAt(analyzer: OwnProcess, part: number): Promise<number> {
  const past = async (): Promise<boolean> => (await committed()) >= changes * part;
  await waitFor(past, { what: `${part} of the topic`, timeoutMs: 30_000, intervalMs: 5 });
  await analyzer.kill();
  return committed();
}

/** The hashes of an analyzer that takes the whole topic undisturbed, into tables of its own. */
async function undisturbedHashes(): Promise<Record<string, string>> {
  await pipeline.redis.flushall();
  await forgetGroup(pipeline.admin);
  const undisturbed = await pipeline.startAnalyzer({ CLICKHOUSE_DATABASE: REFERENCE });
  await untilConsumed(pipeline);
  await undisturbed.stop();
  return tableHashes(reference);
}

test(
  'killed again and again without its cache, it writes the rows that it would have written',
  async () => {
    const stops: number[] = [];
    for (const part of [0.01, 0.2, 0.4, 0.6]) {
      const analyzer = await pipeline.startAnalyzer(SLOWLY);
      stops.push(await killAt(analyzer, part));
      await pipeline.redis.flushall();
    }
    const between = stops.filter((stop) => stop > 0 && stop < changes);
    expect(between.length, `killed at ${stops.join(', ')} of ${changes}`).toBeGreaterThan(2);
    const analyzer = await pipeline.startAnalyzer(SLOWLY);
    await expectBothEndsEqual(pipeline);
    await analyzer.stop();
    expect(await tableHashes(pipeline.clickhouse)).toEqual(await undisturbedHashes());
  },
  TIMEOUT_MS,
);

test(
  'with its checkpoints gone it builds them again from the ledger and goes on the same',
  async () => {
    await pipeline.redis.flushall();
    await pipeline.clickhouse.command({ query: 'truncate table analyzer_state' });
    for (const [seed, symbol] of SYMBOLS.entries()) {
      const more = walkCandles(20, { symbol, seed: seed + 77, from: CANDLES });
      await storeCandles(pipeline.pool, more);
    }
    const robbed = await pipeline.startAnalyzer(SLOWLY);
    await expectBothEndsEqual(pipeline);
    await robbed.stop();
    expect(await tableHashes(pipeline.clickhouse)).toEqual(await undisturbedHashes());
  },
  TIMEOUT_MS,
);

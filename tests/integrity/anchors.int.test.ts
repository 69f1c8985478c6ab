/**
 * History that is stored under a live series, through the real connector: it does not cascade until
 * the anchor moves, and then costs one pass. What must be written again is counted, and the result is
 * what folding everything from scratch gives, bit for bit.
 */
import { beforeAll, expect, test } from 'vitest';
import type { Series } from '#core/candle.ts';
import { readRows } from '#platform/clickhouse.ts';
import { moveAnchor } from '../../etl/index.ts';
import { WAYPOINT_CANDLES } from '../../analyzer/waypoint.ts';
import { storeCandles } from '../support/market.ts';
import { usePipeline } from '../support/pipeline.ts';
import { expectBothEndsEqual, settle } from '../support/settle.ts';
import { walkCandles } from '../support/walk.ts';

const pipeline = usePipeline();
const MINUTE_MS = 60_000;
const DAY = 1_440;
/** WICK_HISTORY_DAYS=365 is the case that it is about; give WICK_SETTLE_MS and --testTimeout with it. */
const HISTORY_DAYS = Number(process.env['WICK_HISTORY_DAYS'] ?? 8);
const LIVE_DAYS = 5;
/** As many as a batch of a backfill has. */
const CHUNK = 1_000;
const SYMBOL = 'ANCHORED/USDT';
const history = HISTORY_DAYS * DAY;
const candles = walkCandles((HISTORY_DAYS + LIVE_DAYS) * DAY, { symbol: SYMBOL, seed: 5 });
const series: Series = candles[0]!;

/** Rows of the series that were ever written to a table, whatever became of them since. */
async function written(table: 'features' | 'candle_revisions'): Promise<number> {
  const rows = await readRows<{ n: string }>(
    pipeline.clickhouse,
    `select toString(count()) as n from ${table} where symbol = {symbol:String}`,
    { symbol: SYMBOL },
  );
  return Number(rows[0]?.n);
}

const statuses = async (): Promise<Record<string, number>> =>
  Object.fromEntries(
    (
      await readRows<{ status: string; n: string }>(
        pipeline.clickhouse,
        `select status, toString(count()) as n from features final
         where symbol = {symbol:String} group by status`,
        { symbol: SYMBOL },
      )
    ).map(({ status, n }) => [status, Number(n)]),
  );

let before = 0;

beforeAll(async () => {
  // Merged rows would not be counted.
  for (const table of ['features', 'candle_revisions']) {
    await pipeline.clickhouse.command({ query: `system stop merges ${table}` });
  }
  await pipeline.activate();
  await pipeline.startAnalyzer();
  await storeCandles(pipeline.pool, candles.slice(history));
  await settle(pipeline);
  before = await written('features');
});

test('a series counts from its first candle on', async () => {
  const found = await pipeline.pool.query<{ anchor: number }>(
    'select anchor from market.anchors where symbol = $1',
    [SYMBOL],
  );
  expect(found.rows).toEqual([{ anchor: candles[history]!.openTime }]);
  expect(before).toBe(LIVE_DAYS * DAY);
});

test('older candles are stored without a cascade, and say that they do not count', async () => {
  const warming = (await statuses())['warming'] ?? 0;
  for (let from = 0; from < history; from += CHUNK) {
    await storeCandles(pipeline.pool, candles.slice(from, Math.min(history, from + CHUNK)));
  }
  await settle(pipeline);
  expect(await written('features')).toBe(before + history);
  expect(await written('candle_revisions')).toBe(candles.length);
  expect(await statuses()).toEqual({
    warming: warming + history,
    active: LIVE_DAYS * DAY - warming,
  });
  await expectBothEndsEqual(pipeline);
});

test('moving the anchor is one pass, which ends where nothing differs any more', async () => {
  const stored = await written('features');
  expect(await moveAnchor(pipeline.pool, series, candles[0]!.openTime)).toBe(true);
  await expectBothEndsEqual(pipeline);
  const passed = (await written('features')) - stored;
  // The history, and behind it what it bears on: sums of the day, averages for as long as they
  // remember, up to the next waypoint.
  expect(passed).toBeGreaterThan(history);
  expect(passed).toBeLessThanOrEqual(history + DAY + 2 * WAYPOINT_CANDLES);
  expect((await statuses())['warming']).toBeLessThan(100);
});

test('a correction far back writes again what it can bear on, and no more', async () => {
  const stored = await written('features');
  const at = 3 * DAY + 700;
  const wrong = candles[at]!;
  await storeCandles(pipeline.pool, [{ ...wrong, close: wrong.high }]);
  await expectBothEndsEqual(pipeline);
  const rows = await readRows<{ first: string; last: string }>(
    pipeline.clickhouse,
    `select toString(toUnixTimestamp64Milli(min(open_time))) as first,
            toString(toUnixTimestamp64Milli(max(open_time))) as last
     from features
     where symbol = {symbol:String} and version = (
       select max(version) from candle_revisions where symbol = {symbol:String}
     )`,
    { symbol: SYMBOL },
  );
  const again = (await written('features')) - stored;
  expect(Number(rows[0]?.first)).toBe(wrong.openTime);
  // All of them, one after the other.
  expect(Number(rows[0]?.last)).toBe(wrong.openTime + (again - 1) * MINUTE_MS);
  expect(again).toBeGreaterThan(1);
  expect(again).toBeLessThanOrEqual(DAY + 2 * WAYPOINT_CANDLES);
});

test('there is nothing to move where everything counts', async () => {
  expect(await moveAnchor(pipeline.pool, series, candles[0]!.openTime)).toBe(false);
});

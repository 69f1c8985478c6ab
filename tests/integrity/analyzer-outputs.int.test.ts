/**
 * The analyzer process on a topic fed by the real connector: which rows it writes for which change,
 * and that they are, to the last bit, what folding the candles in Postgres from scratch gives.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import { seriesKey, type Candle } from '#core/candle.ts';
import { REDIS_KEYS } from '#core/contracts/names.ts';
import { epochMs } from '#core/time.ts';
import { readRows } from '#platform/clickhouse.ts';
import { waitFor } from '../../local/stack/wait.ts';
import { storeCandles } from '../support/market.ts';
import type { OwnProcess } from '../support/own-process.ts';
import { usePipeline } from '../support/pipeline.ts';
import { rewindToBeginning } from '../support/replay.ts';
import { PRODUCTION_RULES } from '../support/evaluations.ts';
import { expectBothEndsEqual, settle, tableHashes } from '../support/settle.ts';
import { walkCandles } from '../support/walk.ts';

const pipeline = usePipeline();
const SYMBOL = 'WALK/USDT';
const MINUTE_MS = 60_000;
const candles = walkCandles(200, { symbol: SYMBOL, seed: 11 });
const key = seriesKey(candles[0]!);
let analyzer: OwnProcess;

beforeAll(async () => {
  // Half of it is in the snapshot, half is streamed.
  await storeCandles(pipeline.pool, candles.slice(0, 100));
  await pipeline.pool.query(
    `insert into market.gaps (exchange, market_type, symbol, interval, gap_from, gap_to, candles,
                              cause, first_seen_at, resolved_at)
     select exchange, market_type, symbol, interval, min(open_time) - interval '5 minutes',
            min(open_time), 5, 'venue_empty', now(), now()
     from market.candles group by 1, 2, 3, 4`,
  );
  await pipeline.activate();
  analyzer = await pipeline.startAnalyzer();
  await storeCandles(pipeline.pool, candles.slice(100));
  await settle(pipeline);
});

const at = (minute: number): string => new Date(candles[minute]!.openTime).toISOString();

interface LedgerRow {
  readonly op: string;
  readonly close: string;
  readonly revision: number;
  readonly is_deleted: number;
}

/** The ledger of one candle, oldest first. */
async function ledgerOf(candle: Candle): Promise<LedgerRow[]> {
  return readRows<LedgerRow>(
    pipeline.clickhouse,
    `select op, toString(close) as close, revision, is_deleted from candle_revisions final
     where symbol = {symbol:String} and toUnixTimestamp64Milli(open_time) = {openTime:Int64}
     order by version`,
    { symbol: candle.symbol, openTime: candle.openTime },
  );
}

async function countOf(table: string, symbol = SYMBOL): Promise<number> {
  const rows = await readRows<{ n: string }>(
    pipeline.clickhouse,
    `select count() as n from ${table} final where symbol = {symbol:String}`,
    { symbol },
  );
  return Number(rows[0]?.n);
}

describe('closed candles', () => {
  test.each(['candles', 'candle_revisions', 'features', 'signals'])(
    'have one row each in %s',
    async (table) => {
      expect(await countOf(table)).toBe(200);
    },
  );

  test('have the features and signals that a fold from scratch gives', async () => {
    await expectBothEndsEqual(pipeline);
  });

  test('leave warming behind and then decide', async () => {
    const rows = await readRows<{ status: string; decided: string }>(
      pipeline.clickhouse,
      `select status, toString(countIf(decision is not null)) as decided from signals final
       where symbol = {symbol:String} group by status order by status`,
      { symbol: SYMBOL },
    );
    expect(rows.map(({ status }) => status)).toEqual(['active', 'warming']);
    expect(Number(rows[0]?.decided)).toBeGreaterThan(100);
    expect(rows[1]?.decided).toBe('0');
  });

  test('came in the snapshot behind what bears on them', async () => {
    const first = async (table: string, from: string): Promise<number> => {
      const [row] = await readRows<{ offset: string }>(
        pipeline.clickhouse,
        `select toString(min(kafka_offset)) as offset from ${table} where symbol = {symbol:String}
         having count() > 0`,
        { symbol: SYMBOL },
      );
      if (row === undefined) throw new Error(`${table} has no ${from} of ${SYMBOL}`);
      return Number(row.offset);
    };
    const anchor = await first('anchors', 'anchor');
    const gap = await first('gap_revisions', 'gap');
    expect([anchor, gap].sort((a, b) => a - b)).toEqual([anchor, gap]);
    expect(gap).toBeLessThan(await first('candle_revisions', 'candle'));
  });

  test('tell where they came from, back to the WAL', async () => {
    const rows = await readRows<{ op: string; lsn: string | null; run: string }>(
      pipeline.clickhouse,
      `select distinct op, toString(lsn > 0) as lsn, toString(ingest_run_id) as run
       from candle_revisions final where symbol = {symbol:String} order by op`,
      { symbol: SYMBOL },
    );
    expect(rows).toEqual([
      { op: 'c', lsn: '1', run: '1' },
      { op: 'r', lsn: '1', run: '1' },
    ]);
  });
});

/** What Redis has of the series, parsed. */
async function latest(): Promise<{ open?: unknown; closed?: unknown }> {
  const stored = await pipeline.redis.hgetall(REDIS_KEYS.latest(key));
  const parsed = (text: string | undefined): unknown =>
    text === undefined ? undefined : JSON.parse(text);
  return { open: parsed(stored['open']), closed: parsed(stored['closed']) };
}

describe('an unclosed candle', () => {
  const openTime = epochMs(candles.at(-1)!.openTime + MINUTE_MS);
  const running = { ...candles.at(-1)!, openTime, isClosed: false };

  test('is in Redis and nowhere else', async () => {
    await storeCandles(pipeline.pool, [running]);
    const shown = async (): Promise<boolean> => (await latest()).open !== undefined;
    await waitFor(shown, { what: 'the open candle in Redis', timeoutMs: 20_000 });
    await settle(pipeline);
    expect((await latest()).open).toMatchObject({ openTime, candle: { close: running.close } });
    expect((await latest()).closed).toMatchObject({ openTime: candles.at(-1)!.openTime });
    expect(await ledgerOf(running)).toEqual([]);
    for (const table of ['candles', 'features', 'signals']) expect(await countOf(table)).toBe(200);
  });

  test('gets its rows when it closes, as revision 0', async () => {
    await storeCandles(pipeline.pool, [{ ...running, isClosed: true }]);
    await expectBothEndsEqual(pipeline);
    expect(await ledgerOf(running)).toEqual([
      { op: 'u', close: running.close, revision: 0, is_deleted: 0 },
    ]);
    expect((await latest()).closed).toMatchObject({ openTime, candle: { close: running.close } });
  });
});

describe('a change in the past', () => {
  const revise = (candle: Candle): Candle => ({ ...candle, close: candle.high });

  test('of the newest candle replaces it', async () => {
    const newest = { ...candles.at(-1)!, openTime: epochMs(candles.at(-1)!.openTime + MINUTE_MS) };
    await storeCandles(pipeline.pool, [revise(newest)]);
    await expectBothEndsEqual(pipeline);
    expect((await ledgerOf(newest)).map(({ revision }) => revision)).toEqual([0, 1]);
  });

  test('of a candle in the middle changes all that follow', async () => {
    await storeCandles(pipeline.pool, [revise(candles[60]!)]);
    await expectBothEndsEqual(pipeline);
    expect(await ledgerOf(candles[60]!)).toEqual([
      { op: 'r', close: candles[60]!.close, revision: 0, is_deleted: 0 },
      { op: 'u', close: candles[60]!.high, revision: 1, is_deleted: 0 },
    ]);
  });

  test('several in one transaction', async () => {
    await storeCandles(
      pipeline.pool,
      [150, 20, 90].map((minute) => revise(candles[minute]!)),
    );
    await expectBothEndsEqual(pipeline);
  });

  test('a deleted candle leaves all tables, and stays in the ledger', async () => {
    await pipeline.pool.query(
      'delete from market.candles where symbol = $1 and open_time = any($2::timestamptz[])',
      [SYMBOL, [at(70), at(71)]],
    );
    await expectBothEndsEqual(pipeline);
    expect((await ledgerOf(candles[70]!)).map((row) => row.is_deleted)).toEqual([0, 1]);
    for (const table of ['candles', 'features', 'signals']) expect(await countOf(table)).toBe(199);
  });

  test('a late candle takes its place', async () => {
    await storeCandles(pipeline.pool, [candles[70]!]);
    await expectBothEndsEqual(pipeline);
    expect((await ledgerOf(candles[70]!)).map((row) => row.is_deleted)).toEqual([0, 1, 0]);
  });

  test('deleting the newest candle brings back the one before', async () => {
    await pipeline.pool.query(
      `delete from market.candles where symbol = $1 and open_time =
         (select max(open_time) from market.candles where symbol = $1)`,
      [SYMBOL],
    );
    await expectBothEndsEqual(pipeline);
  });

  test('a moved candle is one row less there and one more here', async () => {
    await pipeline.pool.query(
      'update market.candles set open_time = $2 where symbol = $1 and open_time = $3',
      [SYMBOL, at(71), at(10)],
    );
    await expectBothEndsEqual(pipeline);
  });

  test('a renamed symbol takes its history along', async () => {
    const moved = walkCandles(60, { symbol: 'BEFORE/USDT', seed: 12 });
    await storeCandles(pipeline.pool, moved);
    await pipeline.pool.query(
      `update market.candles set symbol = 'AFTER/USDT' where symbol = 'BEFORE/USDT'`,
    );
    await expectBothEndsEqual(pipeline);
    expect(await countOf('features', 'BEFORE/USDT')).toBe(0);
    expect(await countOf('features', 'AFTER/USDT')).toBe(60);
  });
});

describe('a gap in the ledger', () => {
  const gap = candles.slice(110, 113);
  /** Minutes of the candles whose rows say that they were computed across it. */
  const tainted = async (table: string): Promise<number[]> => {
    const rows = await readRows<{ t: string }>(
      pipeline.clickhouse,
      `select toString(toUnixTimestamp64Milli(open_time)) as t from ${table} final
       where symbol = {symbol:String} and status = 'tainted' order by open_time`,
      { symbol: SYMBOL },
    );
    return rows.map(({ t }) => (Number(t) - candles[0]!.openTime) / MINUTE_MS);
  };

  test('taints what follows it until a warm-up has passed', async () => {
    await pipeline.pool.query(
      'delete from market.candles where symbol = $1 and open_time = any($2::timestamptz[])',
      [SYMBOL, [110, 111, 112].map(at)],
    );
    await expectBothEndsEqual(pipeline);
    expect(await tainted('features')).toEqual([]);
    await pipeline.pool.query(
      `insert into market.gaps (exchange, market_type, symbol, interval, gap_from, gap_to, candles,
                                cause, first_seen_at)
       select exchange, market_type, symbol, interval, $2, $3, 3, 'missing', now()
       from market.candles where symbol = $1 limit 1`,
      [SYMBOL, at(110), at(113)],
    );
    await expectBothEndsEqual(pipeline);
    const minutes = await tainted('features');
    expect(minutes).toEqual(await tainted('signals'));
    expect(minutes[0]).toBe(113);
    const { warmUp } = PRODUCTION_RULES.features;
    expect(minutes.length).toBe(Math.min(warmUp, 200 - 113));
  });

  test('lets go of them once it is repaired', async () => {
    await storeCandles(pipeline.pool, gap);
    await pipeline.pool.query(
      `update market.gaps set cause = 'repaired', resolved_at = now()
       where symbol = $1 and cause = 'missing'`,
      [SYMBOL],
    );
    await expectBothEndsEqual(pipeline);
    expect(await tainted('features')).toEqual([]);
  });

  test('taints candles that were made up, and what follows them', async () => {
    await pipeline.pool.query(
      `update market.gaps set cause = 'synthetic', resolved_at = now()
       where symbol = $1 and cause = 'repaired'`,
      [SYMBOL],
    );
    await expectBothEndsEqual(pipeline);
    expect((await tainted('signals')).slice(0, 4)).toEqual([110, 111, 112, 113]);
  });
});

describe('the whole topic delivered again', () => {
  /** Stops the analyzer, rewinds it, starts it again; the rows must be the same ones. */
  async function replayed(forget: () => Promise<unknown>): Promise<void> {
    const before = await tableHashes(pipeline.clickhouse);
    await analyzer.stop();
    await forget();
    await rewindToBeginning(pipeline.admin);
    analyzer = await pipeline.startAnalyzer();
    await expectBothEndsEqual(pipeline);
    expect(await tableHashes(pipeline.clickhouse)).toEqual(before);
  }

  test('changes nothing while the states are known', async () => {
    await replayed(() => Promise.resolve());
  });

  test('changes nothing when the states are cached no more', async () => {
    await replayed(() => pipeline.redis.flushall());
  });

  test('changes nothing when all states are lost', async () => {
    await replayed(async () => {
      await pipeline.redis.flushall();
      await pipeline.clickhouse.command({ query: 'truncate table analyzer_state' });
    });
  });
});

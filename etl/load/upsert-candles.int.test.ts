/**
 * What the loader writes, on both paths to the table: arrays for small batches, COPY for large ones.
 * The small case of the large path is padded with far candles that are never looked at.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Candle } from '#core/candle.ts';
import { decimal } from '#core/decimal.ts';
import { epochMs } from '#core/time.ts';
import { inTransaction } from '#platform/postgres.ts';
import { TEST_OPEN_TIME, testCandle, testCandles } from '../../tests/support/candles.ts';
import { usePostgres } from '../../tests/support/postgres.ts';
import type { LoadRow } from './candle-columns.ts';
import { ensureMonthPartitions } from './ensure-partitions.ts';
import {
  REFUSED_ROWS_MAX,
  upsertCandlesByParts,
  type PartsResult,
} from './upsert-candles-by-parts.ts';
import { COPY_ROWS_MIN, isRowError, upsertCandles, type UpsertCounts } from './upsert-candles.ts';

const database = usePostgres();

const PADDING = testCandles(COPY_ROWS_MIN).map((candle): Candle => ({
  ...candle,
  symbol: 'PAD/DING',
}));

const NONE: UpsertCounts = { inserted: 0, revised: 0, closed: 0, updatedOpen: 0, unchanged: 0 };

beforeEach(async () => {
  await ensureMonthPartitions(database.pool, 'candles', [TEST_OPEN_TIME]);
});

afterEach(async () => {
  await database.pool.query('truncate market.candles');
});

type Path = 'arrays' | 'copy' | 'copy, contended';

interface Lineage {
  readonly runId?: bigint;
  readonly rawId?: bigint | null;
}

/** Loads the candles by the path; the padding, stored before, counts as nothing. */
async function load(
  path: Path,
  candles: readonly Candle[],
  lineage: Lineage = {},
): Promise<UpsertCounts> {
  const rows = batchOf(path, candles, lineage);
  const counts = await inTransaction(database.pool, (client) =>
    upsertCandles(client, rows, {
      ingestRunId: lineage.runId ?? 1n,
      contended: path === 'copy, contended',
    }),
  );
  return { ...counts, unchanged: counts.unchanged - (rows.length - candles.length) };
}

/** The same for a batch with bad rows. */
async function loadByParts(path: Path, candles: readonly Candle[]): Promise<PartsResult> {
  const rows = batchOf(path, candles, {});
  const { counts, refused } = await inTransaction(database.pool, (client) =>
    upsertCandlesByParts(client, rows, { ingestRunId: 1n }),
  );
  const unchanged = counts.unchanged - (rows.length - candles.length);
  return { counts: { ...counts, unchanged }, refused };
}

function batchOf(path: Path, candles: readonly Candle[], { rawId = null }: Lineage): LoadRow[] {
  return [...(path === 'arrays' ? [] : PADDING), ...candles].map((candle) => ({ candle, rawId }));
}

async function stored(): Promise<Record<string, unknown>[]> {
  const found = await database.pool.query<Record<string, unknown>>(
    `select open_time, close, volume, trades, is_closed, revision, observed_at, source,
            ingest_run_id, raw_id
     from market.candles where symbol = 'BTC/USDT' order by open_time`,
  );
  return found.rows;
}

describe.each<Path>(['arrays', 'copy', 'copy, contended'])('by %s', (path) => {
  beforeEach(async () => {
    if (path !== 'arrays') {
      const rows = PADDING.map((candle) => ({ candle, rawId: null }));
      await inTransaction(database.pool, (client) =>
        upsertCandles(client, rows, { ingestRunId: 1n }),
      );
    }
  });

  interface Case {
    readonly title: string;
    /** Null: nothing is stored before. */
    readonly before: Partial<Candle> | null;
    readonly next: Partial<Candle>;
    readonly counts: Partial<UpsertCounts>;
    readonly after: Record<string, unknown>;
  }

  const EXACT_105 = '105.000000000000000000';
  const EXACT_106 = '106.000000000000000000';
  const LATER = { observedAt: epochMs(TEST_OPEN_TIME + 600_000), source: 'ws' } as const;
  const KEPT = {
    observed_at: TEST_OPEN_TIME + 61_000,
    source: 'rest',
    ingest_run_id: '1',
    raw_id: '11',
  };
  const TAKEN = { observed_at: LATER.observedAt, source: 'ws', ingest_run_id: '2', raw_id: '22' };

  const cases: Case[] = [
    {
      title: 'a new closed candle is inserted at revision 0',
      before: null,
      next: LATER,
      counts: { inserted: 1 },
      after: { close: EXACT_105, is_closed: true, revision: 0, ...TAKEN },
    },
    {
      title: 'a new open candle is inserted at revision 0',
      before: null,
      next: { ...LATER, isClosed: false },
      counts: { inserted: 1 },
      after: { is_closed: false, revision: 0, ...TAKEN },
    },
    {
      title: 'the same closed candle seen again is unchanged, provenance included',
      before: {},
      next: LATER,
      counts: { unchanged: 1 },
      after: { close: EXACT_105, revision: 0, ...KEPT },
    },
    {
      title: 'a numeral with other zeros is the same value',
      before: { close: decimal('105.10') },
      next: { ...LATER, close: decimal('105.1') },
      counts: { unchanged: 1 },
      after: { revision: 0, ...KEPT },
    },
    {
      title: 'a closed candle with another price is revised',
      before: {},
      next: { ...LATER, close: decimal('106') },
      counts: { revised: 1 },
      after: { close: EXACT_106, is_closed: true, revision: 1, ...TAKEN },
    },
    {
      title: 'a closed candle with another trade count is revised',
      before: {},
      next: { ...LATER, trades: 43 },
      counts: { revised: 1 },
      after: { trades: '43', revision: 1, ...TAKEN },
    },
    {
      title: 'a closed candle that gains a value is revised',
      before: { volume: null },
      next: { ...LATER, volume: decimal('12.5') },
      counts: { revised: 1 },
      after: { volume: '12.500000000000000000', revision: 1, ...TAKEN },
    },
    {
      title: 'nulls alone change nothing',
      before: {},
      next: {
        ...LATER,
        volume: null,
        quoteVolume: null,
        trades: null,
        takerBuyBase: null,
        takerBuyQuote: null,
      },
      counts: { unchanged: 1 },
      after: { volume: '12.500000000000000000', trades: '42', revision: 0, ...KEPT },
    },
    {
      title: 'a null beside a new price keeps the value',
      before: {},
      next: { ...LATER, close: decimal('106'), volume: null },
      counts: { revised: 1 },
      after: { close: EXACT_106, volume: '12.500000000000000000', revision: 1, ...TAKEN },
    },
    {
      title: 'an open row does not overwrite a closed candle',
      before: {},
      next: { ...LATER, isClosed: false, close: decimal('91') },
      counts: { unchanged: 1 },
      after: { close: EXACT_105, is_closed: true, revision: 0, ...KEPT },
    },
    {
      title: 'an open candle that moves is updated at revision 0',
      before: { isClosed: false },
      next: { ...LATER, isClosed: false, close: decimal('106') },
      counts: { updatedOpen: 1 },
      after: { close: EXACT_106, is_closed: false, revision: 0, ...TAKEN },
    },
    {
      title: 'an open candle that stands still is unchanged',
      before: { isClosed: false },
      next: { ...LATER, isClosed: false },
      counts: { unchanged: 1 },
      after: { is_closed: false, revision: 0, ...KEPT },
    },
    {
      title: 'an open candle that closes with new values stays at revision 0',
      before: { isClosed: false },
      next: { ...LATER, close: decimal('106') },
      counts: { closed: 1 },
      after: { close: EXACT_106, is_closed: true, revision: 0, ...TAKEN },
    },
    {
      title: 'an open candle that closes with the same values is written, at revision 0',
      before: { isClosed: false },
      next: LATER,
      counts: { closed: 1 },
      after: { close: EXACT_105, is_closed: true, revision: 0, ...TAKEN },
    },
  ];

  test.each(cases)('$title', async ({ before, next, counts, after }) => {
    if (before !== null) await load(path, [testCandle(before)], { runId: 1n, rawId: 11n });
    const result = await load(path, [testCandle(next)], { runId: 2n, rawId: 22n });
    expect(result).toEqual({ ...NONE, ...counts });
    expect(await stored()).toMatchObject([after]);
  });

  test('each further change of a closed candle adds one revision', async () => {
    await load(path, [testCandle()]);
    for (const close of ['101', '102', '103']) {
      await load(path, [testCandle({ close: decimal(close) })]);
    }
    expect(await stored()).toMatchObject([{ revision: 3 }]);
  });

  test('of one key in a batch the last counts, and closed counts over open', async () => {
    const result = await load(path, [
      testCandle({ isClosed: false, close: decimal('101') }),
      testCandle({ close: decimal('102') }),
      testCandle({ close: decimal('103') }),
      testCandle({ isClosed: false, close: decimal('104') }),
    ]);
    expect(result).toEqual({ ...NONE, inserted: 1, unchanged: 3 });
    expect(await stored()).toMatchObject([{ close: '103.000000000000000000', revision: 0 }]);
  });

  test('the largest and the smallest numbers come back digit for digit', async () => {
    const largest = decimal('99999999999999999999.999999999999999999');
    const smallest = decimal('0.000000000000000001');
    await load(path, [
      testCandle({ open: smallest, low: smallest, close: largest, high: largest, volume: largest }),
    ]);
    const found = await database.pool.query(
      `select open, high, low, close, volume from market.candles where symbol = 'BTC/USDT'`,
    );
    expect(found.rows).toEqual([
      { open: smallest, high: largest, low: smallest, close: largest, volume: largest },
    ]);
  });

  test('ids and counts beyond 32 bits are kept', async () => {
    const big = 9_007_199_254_740_993n;
    await load(path, [testCandle({ trades: 5_000_000_000 })], { runId: big, rawId: big + 1n });
    expect(await stored()).toMatchObject([
      { trades: '5000000000', ingest_run_id: String(big), raw_id: String(big + 1n) },
    ]);
  });

  test('names with odd characters are stored as they are', async () => {
    const symbol = `测试\t"\\N{NULL},'/$1\nUSDT`;
    await load(path, [testCandle({ symbol, source: 'a\\"b' })]);
    const found = await database.pool.query(
      `select symbol, source from market.candles where source <> 'rest'`,
    );
    expect(found.rows).toEqual([{ symbol, source: 'a\\"b' }]);
  });

  test('a refused row is named and takes no other with it', async () => {
    const candles = testCandles(7);
    const bad = testCandle({ openTime: epochMs(TEST_OPEN_TIME + 3 * 60_000), high: decimal('1') });
    candles[3] = bad;
    await expect(load(path, candles)).rejects.toSatisfy(isRowError);
    const result = await loadByParts(path, candles);
    expect(result.counts).toEqual({ ...NONE, inserted: 6 });
    expect(result.refused).toMatchObject([
      {
        row: { candle: bad },
        detail: expect.stringContaining('candles_high_is_highest') as string,
      },
    ]);
    expect(await stored()).toHaveLength(6);
  });

  test('text that is no number is refused like any bad row', async () => {
    // Only a broken type promise can bring these here; even then nothing else suffers.
    const bad = ['NaN', '1e400', 'abc', '1\t2', ''].map((text, index) =>
      testCandle({ openTime: epochMs(TEST_OPEN_TIME + index * 60_000), open: text as never }),
    );
    const good = testCandle({ openTime: epochMs(TEST_OPEN_TIME + 60 * 60_000) });
    const result = await loadByParts(path, [...bad, good]);
    expect(result.counts).toEqual({ ...NONE, inserted: 1 });
    expect(result.refused.map(({ row }) => row.candle.open)).toEqual(bad.map(({ open }) => open));
  });

  test('candles of several months and series go in one batch', async () => {
    const july = epochMs(TEST_OPEN_TIME + 30 * 86_400_000);
    await ensureMonthPartitions(database.pool, 'candles', [july]);
    const result = await load(path, [
      testCandle({ openTime: july }),
      testCandle(),
      testCandle({ symbol: 'ETH/USDT' }),
    ]);
    expect(result).toEqual({ ...NONE, inserted: 3 });
  });

  test('a month that was not made fails the batch instead of refusing its rows', async () => {
    const missing = testCandle({ openTime: epochMs(TEST_OPEN_TIME + 90 * 86_400_000) });
    await expect(loadByParts(path, [missing])).rejects.toThrow(
      'no partition of relation "candles"',
    );
  });

  test('of several batches in one transaction each is staged alone', async () => {
    const revised = await inTransaction(database.pool, async (client) => {
      const sums: number[] = [];
      for (const trades of [1, 2, 3]) {
        const rows = batchOf(path, [testCandle({ trades })], {});
        sums.push((await upsertCandles(client, rows, { ingestRunId: 1n })).revised);
      }
      return sums;
    });
    expect(revised).toEqual([0, 1, 1]);
    expect(await stored()).toMatchObject([{ trades: '3', revision: 2 }]);
  });
});

// The way of the uncontended copy is to fail and be repeated, which is the whole batch's affair.
test.each<Path>(['arrays', 'copy, contended'])(
  'by %s two batches of the same keys in opposite order both go through',
  async (path) => {
    const forward = testCandles(300);
    const backward = forward.map((candle) => ({ ...candle, trades: 43 })).reverse();
    const [first, second] = await Promise.all([load(path, forward), load(path, backward)]);
    expect(first.revised + second.revised).toBe(300);
    expect(await stored()).toHaveLength(300);
  },
);

test('an empty batch is nothing', async () => {
  expect(await load('arrays', [])).toEqual(NONE);
});

test('a batch that is refused almost whole is given up, and nothing of it stays', async () => {
  const bad = testCandles(REFUSED_ROWS_MAX + 1, { high: decimal('1') });
  await expect(
    loadByParts('arrays', [testCandle({ symbol: 'A/B' }), ...bad]),
  ).rejects.toMatchObject({
    code: 'WICK_ETL_LOAD_FAILED',
  });
  expect(await database.pool.query('select 1 from market.candles')).toMatchObject({ rowCount: 0 });
});

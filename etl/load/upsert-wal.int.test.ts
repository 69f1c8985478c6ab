/**
 * An identical re-scrape writes no WAL at all. Measured by pg_current_wal_insert_lsn around the work.
 * Others write to the same server (checkpoints, other tests), so a measurement is repeated until
 * one is undisturbed: noise can only add bytes, never hide them.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { decimal } from '#core/decimal.ts';
import { epochMs } from '#core/time.ts';
import type { PoolClient } from '#platform/postgres.ts';
import { TEST_OPEN_TIME, TEST_SERIES, testCandles } from '../../tests/support/candles.ts';
import { usePostgres } from '../../tests/support/postgres.ts';
import type { LoadRow } from './candle-columns.ts';
import { ensureMonthPartitions } from './ensure-partitions.ts';
import { COPY_ROWS_MIN, upsertCandles } from './upsert-candles.ts';
import { upsertFunding, type FundingRow } from './upsert-funding.ts';

const database = usePostgres();
const MEASUREMENTS_MAX = 40;

let client: PoolClient;

beforeEach(async () => {
  await ensureMonthPartitions(database.pool, 'candles', [TEST_OPEN_TIME]);
  client = await database.pool.connect();
});

afterEach(async () => {
  await client.query('rollback');
  client.release();
  await database.pool.query('truncate market.candles');
});

async function walPosition(): Promise<bigint> {
  const found = await client.query<{ bytes: string }>(
    `select (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint as bytes`,
  );
  return BigInt(found.rows[0]?.bytes ?? '-1');
}

/** Fewest bytes of WAL that one of several measurements reports. */
async function leastOf(measure: () => Promise<bigint>): Promise<bigint> {
  let least = await measure();
  for (let attempt = 1; attempt < MEASUREMENTS_MAX && least !== 0n; attempt += 1) {
    const bytes = await measure();
    if (bytes < least) least = bytes;
  }
  return least;
}

/** WAL that appeared while `work` ran. */
async function walOf(work: () => Promise<unknown>): Promise<bigint> {
  const before = await walPosition();
  await work();
  return (await walPosition()) - before;
}

const leastWal = (work: () => Promise<unknown>): Promise<bigint> => leastOf(() => walOf(work));

const rowsOf = (count: number): LoadRow[] =>
  testCandles(count).map((candle) => ({ candle, rawId: 5n }));

/** Later, otherwise come by, in another run: the same facts. */
const seenAgain = (rows: readonly LoadRow[]): LoadRow[] =>
  rows.map(({ candle }) => ({
    candle: { ...candle, observedAt: candle.openTime, source: 'ws' },
    rawId: 6n,
  }));

async function inOwnTransaction(rows: readonly LoadRow[]): Promise<void> {
  await client.query('begin');
  await upsertCandles(client, rows, { ingestRunId: 2n });
  await client.query('commit');
}

describe('by arrays', () => {
  test('an identical re-scrape writes 0 bytes, its commit included', async () => {
    const rows = rowsOf(1_000);
    await inOwnTransaction(rows);
    expect(await leastWal(() => inOwnTransaction(seenAgain(rows)))).toBe(0n);
  });

  test('nulls for known values and open rows for closed candles write 0 bytes', async () => {
    const rows = rowsOf(500);
    await inOwnTransaction(rows);
    const poorer = rows.map(({ candle, rawId }, index): LoadRow => ({
      rawId,
      candle: { ...candle, volume: null, trades: null, isClosed: index % 2 === 0 },
    }));
    expect(await leastWal(() => inOwnTransaction(poorer))).toBe(0n);
  });

  test('one changed candle among many writes only itself', async () => {
    const rows = rowsOf(1_000);
    await inOwnTransaction(rows);
    let price = 100;
    const bytes = await leastWal(async () => {
      price += 0.5;
      const changed = rows.map(({ candle, rawId }, index): LoadRow =>
        index === 500
          ? {
              rawId,
              candle: {
                ...candle,
                open: decimal(String(price)),
                low: decimal('90'),
                high: decimal('2000'),
              },
            }
          : { rawId, candle },
      );
      await inOwnTransaction(changed);
    });
    expect(bytes).toBeGreaterThan(0n);
    expect(bytes).toBeLessThan(10_000n);
  });
});

describe('by COPY', () => {
  // Staging takes a transaction id, and ending such a transaction logs its commit: a few bytes that
  // the run's record in the same transaction needs anyway. The load itself is what is measured.
  test('an identical re-scrape writes 0 bytes beside the commit of its transaction', async () => {
    const rows = rowsOf(COPY_ROWS_MIN + 1_000);
    await inOwnTransaction(rows);
    const again = seenAgain(rows);
    const bytes = await leastOf(async () => {
      // A transaction of its own each time: rows that it has locked once it does not lock again.
      await client.query('begin');
      const loaded = await walOf(() => upsertCandles(client, again, { ingestRunId: 2n }));
      await client.query('commit');
      return loaded;
    });
    expect(bytes).toBe(0n);
  });

  test('the commit of an identical re-scrape is below 1,000 bytes, however many the rows', async () => {
    const rows = rowsOf(COPY_ROWS_MIN + 1_000);
    await inOwnTransaction(rows);
    const again = seenAgain(rows);
    expect(await leastWal(() => inOwnTransaction(again))).toBeLessThan(1_000n);
  });
});

test('funding payments that are known write 0 bytes, their commit included', async () => {
  const series = { ...TEST_SERIES, interval: '8h' } as const;
  const rows = Array.from({ length: 500 }, (_, index): FundingRow => ({
    rawId: 5n,
    rate: {
      exchange: series.exchange,
      symbol: series.symbol,
      fundingTime: epochMs(TEST_OPEN_TIME + index * 28_800_000),
      rate: decimal('-0.0001'),
      markPrice: decimal('104500.5'),
      premium: null,
      observedAt: TEST_OPEN_TIME,
      source: 'rest',
    },
  }));
  const put = async (again: readonly FundingRow[]): Promise<void> => {
    await client.query('begin');
    await upsertFunding(client, series, again, 2n);
    await client.query('commit');
  };
  await put(rows);
  const later = rows.map(({ rate }, index): FundingRow => ({
    rawId: 6n,
    rate: {
      ...rate,
      observedAt: rate.fundingTime,
      markPrice: index % 2 === 0 ? null : rate.markPrice,
    },
  }));
  expect(await leastWal(() => put(later))).toBe(0n);
});

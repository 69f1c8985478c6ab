/** What was asked for and what is stored, by series, on a real Postgres: found, and found by index. */
import { beforeAll, describe, expect, test } from 'vitest';
import { epochMs, type EpochMs } from '#core/time.ts';
import { TEST_OPEN_TIME, TEST_SERIES } from '../../tests/support/candles.ts';
import { usePostgres } from '../../tests/support/postgres.ts';
import { LIST_STORED_SERIES, listStoredSeries } from './list-stored-series.ts';
import { READ_ASKED, readAsked } from './read-asked.ts';
import { startRun } from './start-run.ts';

const database = usePostgres();
const DAY = 86_400_000;
const day = (count: number): EpochMs => epochMs(TEST_OPEN_TIME + count * DAY);

async function planOf(sql: string, values: readonly unknown[]): Promise<string> {
  const { rows } = await database.pool.query<Record<string, string>>(`explain ${sql}`, [...values]);
  return rows.map((row) => Object.values(row).join('')).join('\n');
}

describe('what was asked for', () => {
  test('reaches from the earliest to the latest time that a run asked for, done or not', async () => {
    expect(await readAsked(database.pool, TEST_SERIES)).toBeNull();
    const run = (job: string, from: number, to: number): Promise<bigint> =>
      startRun(database.pool, { job, series: TEST_SERIES, from: day(from), to: day(to) });
    await run('collect', 5, 6);
    await run('backfill:binance-futures|perp|BTC/USDT|1m', 2, 5);
    await run('stream-check', 6, 7);
    // Neither asks for anything new, and funding is no candle.
    await run('gap-repair', 0, 9);
    await run('funding:hourly', 0, 9);
    expect(await readAsked(database.pool, TEST_SERIES)).toEqual({ from: day(2), to: day(7) });
    expect(await readAsked(database.pool, { ...TEST_SERIES, symbol: 'ETH/USDT' })).toBeNull();
  });

  test('is read off the two indexes that are made for it', async () => {
    await database.pool.query(
      `insert into market.ingest_runs
         (job, exchange, market_type, symbol, interval, range_from, range_to)
       select 'collect', 'venue', 'perp', 'BTC/USDT', '1m', now() - n * interval '1 minute', now()
       from generate_series(1, 20000) as n`,
    );
    await database.pool.query('analyze market.ingest_runs');
    const plan = await planOf(READ_ASKED, ['venue', 'perp', 'BTC/USDT', '1m']);
    expect(plan).toContain('ingest_runs_asked_from');
    expect(plan).toContain('ingest_runs_asked_to');
    expect(plan).not.toContain('Seq Scan');
  });
});

describe('series that are stored, in some months each', () => {
  const MONTHS = 24;

  beforeAll(async () => {
    const { pool } = database;
    await pool.query(
      `select market.ensure_month_partitions('candles', array(
         select '2023-01-01T00:00:00Z'::timestamptz + n * interval '1 month'
         from generate_series(0, $1::integer - 1) as n))`,
      [MONTHS],
    );
    await pool.query(
      `insert into market.candles (exchange, market_type, symbol, interval, open_time, open, high,
         low, close, is_closed, observed_at, source)
       select 'venue' || s % 2, 'perp', 'S' || s || '/USDT', '1h',
         '2023-01-01T00:00:00Z'::timestamptz + make_interval(hours => n * 17), 1, 1, 1, 1, true, now(), 'rest'
       from generate_series(1, 9) as s, generate_series(0, 999) as n
       where n % 9 <> s`,
    );
    await pool.query('analyze market.candles');
  });

  test('are listed once each, in their order, as many as are wanted', async () => {
    const found = await listStoredSeries(database.pool, 100);
    expect(found.map(({ exchange, symbol }) => `${exchange} ${symbol}`)).toEqual([
      ...[2, 4, 6, 8].map((n) => `venue0 S${n}/USDT`),
      ...[1, 3, 5, 7, 9].map((n) => `venue1 S${n}/USDT`),
    ]);
    expect(found[0]).toEqual({
      exchange: 'venue0',
      marketType: 'perp',
      symbol: 'S2/USDT',
      interval: '1h',
    });
    expect(await listStoredSeries(database.pool, 5)).toEqual(found.slice(0, 5));
  });

  test('are found by hopping along the keys, not by reading candles', async () => {
    const plan = await planOf(LIST_STORED_SERIES, [100]);
    expect(plan).not.toContain('Seq Scan');
    expect(plan.match(/Index Only Scan/g)?.length).toBe(2 * MONTHS);
  });
});

/** Months: their edges, far ones, and many makers at once. */
import { afterEach, expect, test } from 'vitest';
import { parseInstant } from '#core/time.ts';
import { usePostgres } from '../../tests/support/postgres.ts';
import { ensureMonthPartitions } from './ensure-partitions.ts';

const database = usePostgres();

afterEach(async () => {
  for (const name of await months()) await database.pool.query(`drop table market.${name}`);
});

async function months(): Promise<string[]> {
  const found = await database.pool.query<{ relname: string }>(
    `select relname from pg_class where relispartition and relkind = 'r' order by relname`,
  );
  return found.rows.map((row) => row.relname);
}

async function bounds(name: string): Promise<string | undefined> {
  const found = await database.pool.query<{ bounds: string }>(
    'select pg_get_expr(relpartbound, oid) as bounds from pg_class where oid = $1::regclass',
    [`market.${name}`],
  );
  return found.rows[0]?.bounds;
}

test('a month begins and ends at midnight UTC of its first days', async () => {
  await ensureMonthPartitions(database.pool, 'candles', [parseInstant('2024-02-29T23:59:59.999Z')]);
  expect(await months()).toEqual(['candles_2024_02']);
  expect(await bounds('candles_2024_02')).toBe(
    `FOR VALUES FROM ('2024-02-01 00:00:00+00') TO ('2024-03-01 00:00:00+00')`,
  );
});

test('neither the session zone nor the zone of the text moves an edge', async () => {
  const client = await database.pool.connect();
  try {
    await client.query(`set timezone = 'Pacific/Kiritimati'`);
    await client.query(`select market.ensure_month_partitions('candles', $1::timestamptz[])`, [
      ['2025-04-01T00:30:00+14:00'],
    ]);
    await client.query('reset timezone');
  } finally {
    client.release();
  }
  expect(await months()).toEqual(['candles_2025_03']);
  expect(await bounds('candles_2025_03')).toBe(
    `FOR VALUES FROM ('2025-03-01 00:00:00+00') TO ('2025-04-01 00:00:00+00')`,
  );
});

test('far months and year ends are like any other', async () => {
  const times = ['2007-01-01T00:00:00Z', '2029-12-31T23:59:59Z', '2030-01-01T00:00:00Z'];
  const made = await ensureMonthPartitions(
    database.pool,
    'raw_payloads',
    times.map((time) => parseInstant(time)),
  );
  expect(made).toBe(3);
  expect(await months()).toEqual([
    'raw_payloads_2007_01',
    'raw_payloads_2029_12',
    'raw_payloads_2030_01',
  ]);
});

test('months that exist are not made again', async () => {
  const times = [parseInstant('2025-06-15T00:00:00Z')];
  expect(await ensureMonthPartitions(database.pool, 'candles', times)).toBe(1);
  expect(await ensureMonthPartitions(database.pool, 'candles', times)).toBe(0);
});

test('makers with overlapping lists make each month once and none waits for ever', async () => {
  const pools = Array.from({ length: 4 }, () => database.createPool());
  const list = (first: number) =>
    [0, 1, 2].map((step) => parseInstant(`2025-0${first + step}-10T00:00:00Z`));
  const made = await Promise.all(
    [1, 2, 3, 4, 4, 3, 2, 1].map((first, index) =>
      ensureMonthPartitions(pools[index % 4] ?? database.pool, 'candles', list(first).reverse()),
    ),
  );
  expect(made.reduce((sum, count) => sum + count, 0)).toBe(6);
  expect(await months()).toHaveLength(6);
});

test('a month is made while a writer is busy in another and a reader reads all', async () => {
  await ensureMonthPartitions(database.pool, 'candles', [parseInstant('2025-06-01T00:00:00Z')]);
  const client = await database.pool.connect();
  try {
    await client.query('begin');
    await client.query('select count(*) from market.candles');
    await client.query(`
      insert into market.candles (exchange, market_type, symbol, interval, open_time,
        open, high, low, close, is_closed, observed_at, source)
      values ('x', 'perp', 'A/B', '1m', '2025-06-01', 1, 1, 1, 1, true, now(), 'rest')`);
    const made = ensureMonthPartitions(database.createPool(), 'candles', [
      parseInstant('2025-07-01T00:00:00Z'),
    ]);
    expect(await made).toBe(1);
  } finally {
    await client.query('rollback');
    client.release();
  }
});

test('a dropped month can be made again', async () => {
  const times = [parseInstant('2025-06-15T00:00:00Z')];
  await ensureMonthPartitions(database.pool, 'candles', times);
  await database.pool.query(
    'alter table market.candles detach partition market.candles_2025_06; drop table market.candles_2025_06',
  );
  expect(await ensureMonthPartitions(database.pool, 'candles', times)).toBe(1);
});

test('each month carries the key and the checks of its parent', async () => {
  await ensureMonthPartitions(database.pool, 'candles', [parseInstant('2025-06-01T00:00:00Z')]);
  const found = await database.pool.query(
    `select contype, count(*)::integer as count from pg_constraint
     where conrelid in ('market.candles'::regclass, 'market.candles_2025_06'::regclass)
       and contype in ('p', 'c')
     group by conrelid, contype order by contype, conrelid`,
  );
  const [checksOfParent, checksOfMonth, ...keys] = found.rows;
  expect(checksOfMonth).toEqual(checksOfParent);
  expect(keys).toEqual([
    { contype: 'p', count: 1 },
    { contype: 'p', count: 1 },
  ]);
});

test('only tables that are partitioned by month are taken', async () => {
  await expect(
    database.pool.query(`select market.ensure_month_partitions('quarantine', '{2025-01-01}')`),
  ).rejects.toThrow('market.quarantine is not partitioned by month');
});

/** What retention takes and what it must leave, on a real Postgres with real months. */
import { beforeEach, expect, test } from 'vitest';
import type { Series } from '#core/candle.ts';
import { epochMs, formatInstant, parseInstant, type EpochMs } from '#core/time.ts';
import { inTransaction } from '#platform/postgres.ts';
import { TEST_SERIES, testCandles } from '../../tests/support/candles.ts';
import { usePostgres } from '../../tests/support/postgres.ts';
import { listSeries } from '../gaps/list-gaps.ts';
import { finishRun } from '../load/finish-run.ts';
import { loadBatch, type LoadPage } from '../load/load-batch.ts';
import { quarantineRows } from '../load/quarantine-rows.ts';
import { readAsked } from '../load/read-asked.ts';
import { readWatermark } from '../load/read-watermark.ts';
import { startRun } from '../load/start-run.ts';
import { keepHouse, type HouseReport, type Retention } from './keep-house.ts';

const database = usePostgres();
const NOW = parseInstant('2026-06-15T12:00:00Z');
const DAY_MS = 86_400_000;
const NOTHING: HouseReport = { abandoned: 0, rawMonths: [], quarantine: 0, runs: 0 };
const FOR_EVER: Retention = { runsDays: null, rawDays: null, quarantineDays: null };
const ETH: Series = { ...TEST_SERIES, symbol: 'ETH/USDT' };

const daysAgo = (days: number): EpochMs => epochMs(NOW - days * DAY_MS);

beforeEach(async () => {
  const { pool } = database;
  await pool.query(
    `truncate market.candles, market.raw_payloads, market.quarantine, market.ingest_runs,
       market.gaps, market.backfill_chunks`,
  );
  for (const month of await months()) await pool.query(`drop table market.${month}`);
});

const keep = async (retention: Partial<Retention>): Promise<HouseReport> =>
  keepHouse(
    database.pool,
    { ...FOR_EVER, ...retention },
    { now: NOW, signal: new AbortController().signal },
  );

async function months(): Promise<string[]> {
  const { rows } = await database.pool.query<{ relname: string }>(
    `select relname from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
     where nspname = 'market' and relkind = 'r' and relname like 'raw_payloads_%' order by 1`,
  );
  return rows.map(({ relname }) => relname);
}

interface PastRun {
  readonly job?: string;
  readonly series?: Series;
  readonly pages?: readonly LoadPage[];
}

/** A run as it was so many days ago. */
async function runOf(days: number, { job, series, pages }: PastRun = {}): Promise<string> {
  const { pool } = database;
  const of = series ?? TEST_SERIES;
  const at = daysAgo(days);
  const id = await startRun(pool, { job: job ?? 'collect', series: of, from: at, to: at });
  if (pages !== undefined) await loadBatch(pool, id, of, pages);
  await finishRun(pool, id, null);
  await pool.query(
    `update market.ingest_runs set started_at = $2::timestamptz, finished_at = $2::timestamptz
     where id = $1::bigint`,
    [id, formatInstant(at)],
  );
  return String(id);
}

const pageOf = (days: number, count: number): LoadPage => ({
  accepted: testCandles(count),
  rejects: [],
  raw: { url: 'http://venue/klines', fetchedAt: daysAgo(days), body: `page of ${days}` },
});

async function runs(): Promise<string[]> {
  const { rows } = await database.pool.query<{ id: string }>(
    'select id from market.ingest_runs order by id',
  );
  return rows.map(({ id }) => id);
}

test('without a word about it everything is kept', async () => {
  await runOf(4_000, { pages: [pageOf(4_000, 3)] });
  await runOf(4_000);
  await runOf(1);
  expect(await keep({})).toEqual(NOTHING);
  expect(await runs()).toHaveLength(3);
  expect(await months()).toHaveLength(1);
});

test('old runs that wrote nothing go; what was written names its run, however old', async () => {
  const wrote = await runOf(400, { pages: [pageOf(400, 3)] });
  await runOf(399, { pages: [pageOf(399, 3)] });
  await runOf(91);
  const young = await runOf(89);
  const newest = await runOf(88);
  const report = await keep({ runsDays: 90 });
  expect(report).toEqual({ ...NOTHING, runs: 1 });
  // The second one has stored nothing, but nobody else holds its watermark.
  const left = await runs();
  expect(left).toEqual([wrote, String(Number(wrote) + 1), young, newest]);
  const { rows } = await database.pool.query(
    `select count(*)::integer as n from market.candles as c
     where not exists (select from market.ingest_runs as r where r.id = c.ingest_run_id)`,
  );
  expect(rows).toEqual([{ n: 0 }]);
  expect(await keep({ runsDays: 90 })).toEqual(NOTHING);
});

test('how far a series is collected, what was asked for, and that it is, is known for ever', async () => {
  await runOf(500, { pages: [pageOf(500, 4)] });
  for (const days of [400, 300, 200]) await runOf(days);
  await runOf(350, { job: 'gap-repair', series: ETH });
  await runOf(340, { job: 'gap-repair', series: ETH });
  await runOf(330, { job: 'collect', series: ETH });
  const before = [
    await readWatermark(database.pool, TEST_SERIES),
    await listSeries(database.pool, {}),
    await readAsked(database.pool, TEST_SERIES),
    await readAsked(database.pool, ETH),
  ];
  expect(before[0]).not.toBeNull();
  expect(await keep({ runsDays: 1, rawDays: 35 })).toMatchObject({ runs: 2 });
  expect([
    await readWatermark(database.pool, TEST_SERIES),
    await listSeries(database.pool, {}),
    await readAsked(database.pool, TEST_SERIES),
    await readAsked(database.pool, ETH),
  ]).toEqual(before);
});

test('a run stays while a refused row, a gap or a chunk names it, and while it runs', async () => {
  const { pool } = database;
  const ids: string[] = [];
  for (let count = 0; count < 4; count += 1) ids.push(await runOf(200));
  await runOf(1);
  const [refused, asked, chunk, open] = ids;
  await inTransaction(pool, (client) =>
    quarantineRows(
      client,
      TEST_SERIES,
      [{ rawId: null, openTime: null, reason: 'off_grid', detail: '', rawRow: '1' }],
      BigInt(refused ?? ''),
    ),
  );
  await pool.query(
    `insert into market.gaps (exchange, market_type, symbol, interval, gap_from, gap_to, candles,
       cause, first_seen_at, last_run_id)
     values ('a', 'spot', 'b', '1m', now(), now() + interval '1 minute', 1, 'missing', now(), $1::bigint)`,
    [asked],
  );
  await pool.query(
    `insert into market.backfill_chunks (exchange, market_type, symbol, interval, range_from,
       range_to, candles, ingest_run_id)
     values ('a', 'spot', 'b', '1m', now(), now() + interval '1 minute', 1, $1::bigint)`,
    [chunk],
  );
  await pool.query(
    `update market.ingest_runs set state = 'running', finished_at = null where id = $1::bigint`,
    [open],
  );
  expect(await keep({ runsDays: 90 })).toEqual(NOTHING);
  await pool.query('truncate market.gaps, market.backfill_chunks, market.quarantine');
  // One of them asked for the earliest candle.
  expect(await keep({ runsDays: 90 })).toMatchObject({ runs: 2 });
});

test('whole months of payloads go once their last moment is old enough, with the runs that wrote with them', async () => {
  const january = await runOf(150, { pages: [pageOf(150, 2)] });
  await runOf(140, { pages: [pageOf(140, 2)] });
  const april = await runOf(60, { pages: [pageOf(60, 5)] });
  expect(await months()).toEqual(['raw_payloads_2026_01', 'raw_payloads_2026_04']);
  const all = await runs();
  // January ended 134 days and a half ago.
  expect(await keep({ rawDays: 135, runsDays: 1 })).toEqual({ ...NOTHING, runs: 1 });
  expect(await runs()).toEqual(all.filter((id) => id === january || id === april));
  expect(await keep({ rawDays: 134, runsDays: 1 })).toEqual({
    ...NOTHING,
    rawMonths: ['raw_payloads_2026_01'],
  });
  expect(await months()).toEqual(['raw_payloads_2026_04']);
  // January's asked for the earliest candle.
  expect(await runs()).toEqual([january, april]);
  const { rows } = await database.pool.query('select count(*)::integer as n from market.candles');
  expect(rows).toEqual([{ n: 5 }]);
  expect(await keep({ rawDays: 134, runsDays: 1 })).toEqual(NOTHING);
});

test('what a killed call left half-way is finished; a month that somebody else took off is not ours', async () => {
  const { pool } = database;
  for (const days of [400, 340, 300, 10]) await runOf(days, { pages: [pageOf(days, 1)] });
  const [first, second, third, young] = await months();
  // Killed after it was taken off, …
  await pool.query(`comment on table market.${first} is 'to be dropped: its retention is over'`);
  await pool.query(`alter table market.raw_payloads detach partition market.${first}`);
  // … for an archive, …
  await pool.query(`alter table market.raw_payloads detach partition market.${second}`);
  // … and while readers were waited for.
  const reader = await pool.connect();
  const cut = await pool.connect();
  try {
    await reader.query('begin');
    await reader.query(`select count(*) from market.raw_payloads`);
    await cut.query('set statement_timeout = 300');
    const detach = `alter table market.raw_payloads detach partition market.${third} concurrently`;
    await expect(cut.query(detach)).rejects.toThrow('statement timeout');
  } finally {
    await reader.query('rollback');
    reader.release();
    cut.release(true);
  }
  expect(await keep({ rawDays: 100 })).toMatchObject({ rawMonths: [first, third] });
  expect(await months()).toEqual([second, young]);
  await runOf(9, { pages: [pageOf(9, 2)] });
});

test('settled rows of quarantine go when they are old, waiting ones never', async () => {
  const { pool } = database;
  const run = BigInt(await runOf(900));
  const row = (rawRow: string) => ({
    rawId: null,
    openTime: null,
    reason: 'off_grid',
    detail: '',
    rawRow,
  });
  await inTransaction(pool, (client) =>
    quarantineRows(client, TEST_SERIES, [row('old'), row('young'), row('waits')], run),
  );
  await pool.query(
    `update market.quarantine set created_at = $1::timestamptz,
       redriven_at = case raw_row when 'old' then $1::timestamptz when 'young' then $2::timestamptz end`,
    [formatInstant(daysAgo(800)), formatInstant(daysAgo(20))],
  );
  expect(await keep({ quarantineDays: 30, runsDays: 1 })).toEqual({ ...NOTHING, quarantine: 1 });
  const { rows } = await pool.query('select raw_row from market.quarantine order by id');
  expect(rows).toEqual([{ raw_row: 'young' }, { raw_row: 'waits' }]);
});

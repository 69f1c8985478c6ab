/** A batch is stored whole or not at all, with its payloads, refused rows and run record. */
import { zstdDecompressSync } from 'node:zlib';
import { createHash } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import type { Candle } from '#core/candle.ts';
import { decimal } from '#core/decimal.ts';
import { epochMs, parseInstant } from '#core/time.ts';
import {
  TEST_OPEN_TIME,
  TEST_SERIES,
  testCandle,
  testCandles,
} from '../../tests/support/candles.ts';
import { usePostgres } from '../../tests/support/postgres.ts';
import type { Reject } from '../extract/reject.ts';
import { abandonRuns } from './abandon-runs.ts';
import { finishRun } from './finish-run.ts';
import { loadBatch, type LoadPage } from './load-batch.ts';
import { readWatermark } from './read-watermark.ts';
import { startRun } from './start-run.ts';
import { COPY_ROWS_MIN } from './upsert-candles.ts';

const database = usePostgres();

const JOB = 'collect';
const FETCHED_AT = parseInstant('2025-06-01T01:00:00Z');
const BODY = '[[1748736000000,"100","110","90","105"]] — exact text, ünïcode 測試';

afterEach(async () => {
  await database.pool.query(
    'truncate market.candles, market.raw_payloads, market.quarantine, market.ingest_runs',
  );
});

function start(): Promise<bigint> {
  const range = { from: TEST_OPEN_TIME, to: epochMs(TEST_OPEN_TIME + 3_600_000) };
  return startRun(database.pool, { job: JOB, series: TEST_SERIES, ...range });
}

function page(accepted: readonly Candle[], changes: Partial<LoadPage> = {}): LoadPage {
  const raw = { url: 'https://venue.test/klines?x=1', fetchedAt: FETCHED_AT, body: BODY };
  return { accepted, rejects: [], raw, ...changes };
}

function reject(changes: Partial<Reject> = {}): Reject {
  return {
    series: TEST_SERIES,
    openTime: null,
    reason: 'malformed_row',
    detail: 'not an array',
    index: 0,
    rawRow: '{"a":1}',
    ...changes,
  };
}

const load = (runId: bigint, ...pages: LoadPage[]) =>
  loadBatch(database.pool, runId, TEST_SERIES, pages);

async function table(name: string, columns = '*'): Promise<Record<string, unknown>[]> {
  const found = await database.pool.query<Record<string, unknown>>(
    `select ${columns} from market.${name} order by 1`,
  );
  return found.rows;
}

async function sizes(): Promise<Record<string, number>> {
  return {
    candles: (await table('candles')).length,
    raw: (await table('raw_payloads')).length,
    quarantine: (await table('quarantine')).length,
  };
}

test('candles point at their run and at their payload, which is the exact text', async () => {
  const runId = await start();
  await load(runId, page(testCandles(3)));
  const [raw] = await table('raw_payloads');
  expect(raw).toMatchObject({ ingest_run_id: String(runId), fetched_at: FETCHED_AT });
  const { body, sha256 } = raw ?? {};
  if (!Buffer.isBuffer(body) || !Buffer.isBuffer(sha256)) throw new Error('bytea expected');
  expect(zstdDecompressSync(body).toString('utf8')).toBe(BODY);
  expect(sha256).toEqual(createHash('sha256').update(BODY, 'utf8').digest());
  const candles = await table('candles', 'open_time, ingest_run_id, raw_id');
  expect(candles).toHaveLength(3);
  for (const candle of candles) {
    expect(candle).toMatchObject({ ingest_run_id: String(runId), raw_id: raw?.['id'] });
  }
});

test('the record of the run adds up over its batches', async () => {
  const runId = await start();
  const [first, second, third] = testCandles(3);
  if (first === undefined || second === undefined || third === undefined) throw new Error('three');
  await load(runId, page([first, { ...second, isClosed: false }], { rejects: [reject()] }));
  await load(
    runId,
    page([{ ...first, trades: 43 }, second]),
    page([{ ...third, isClosed: false }], { raw: null }),
  );
  await load(runId, page([second, { ...third, isClosed: false, close: decimal('102.5') }]));
  await finishRun(database.pool, runId, null);
  const [run] = await table('ingest_runs');
  expect(run).toMatchObject({
    state: 'done',
    error: null,
    fetched: '8',
    inserted: '3',
    revised: '1',
    closed: '1',
    updated_open: '1',
    unchanged: '1',
    quarantined: '1',
    raw: '3',
    watermark: TEST_OPEN_TIME + 120_000,
  });
});

test('an identical batch writes nothing but the record', async () => {
  const runId = await start();
  const batch = page(testCandles(3), { rejects: [reject()] });
  await load(runId, batch);
  const before = await sizes();
  const raw = batch.raw === null ? null : { ...batch.raw, fetchedAt: epochMs(FETCHED_AT + 60_000) };
  const { counts } = await load(runId, { ...batch, raw });
  expect(counts).toMatchObject({ inserted: 0, unchanged: 3, quarantined: 1, raw: 1 });
  expect(await sizes()).toEqual(before);
});

test('the same text is kept again under another URL or after a month', async () => {
  const runId = await start();
  const raw = { url: 'https://venue.test/a', fetchedAt: FETCHED_AT, body: BODY };
  await load(runId, page([], { raw }));
  await load(runId, page([], { raw: { ...raw, url: 'https://venue.test/b' } }));
  await load(
    runId,
    page([], { raw: { ...raw, fetchedAt: epochMs(FETCHED_AT + 31 * 86_400_000) } }),
  );
  expect(await sizes()).toMatchObject({ raw: 3 });
});

test('refused rows are parked with reason, row and payload, whoever refused them', async () => {
  const runId = await start();
  const bad = testCandle({ high: decimal('1') });
  const good = testCandle({ openTime: epochMs(TEST_OPEN_TIME + 60_000) });
  const odd = reject({ rawRow: 'a\0b\ud800', detail: 'nul \0', openTime: TEST_OPEN_TIME });
  const { counts, watermark } = await load(runId, page([bad, good], { rejects: [reject(), odd] }));
  expect(counts).toMatchObject({ fetched: 4, inserted: 1, quarantined: 3 });
  expect(watermark).toBe(TEST_OPEN_TIME + 120_000);
  const [raw] = await table('raw_payloads');
  const parked = await table(
    'quarantine',
    'id, reason, detail, open_time, raw_row, raw_id, redriven_at',
  );
  expect(parked).toMatchObject([
    { reason: 'malformed_row', open_time: null, raw_row: '{"a":1}', raw_id: raw?.['id'] },
    { reason: 'malformed_row', open_time: TEST_OPEN_TIME, raw_row: 'a\\u0000b\ufffd' },
    {
      reason: 'refused_by_database',
      detail: expect.stringContaining('candles_high_is_highest') as string,
      raw_row: JSON.stringify({ ...bad, observedAt: undefined }),
      redriven_at: null,
    },
  ]);
});

test('a candle that the database refuses each time it is seen is parked once', async () => {
  const runId = await start();
  const bad = testCandle({ high: decimal('1') });
  for (const seenAt of [FETCHED_AT, epochMs(FETCHED_AT + 60_000)]) {
    const { counts } = await load(runId, page([{ ...bad, observedAt: seenAt }]));
    expect(counts).toMatchObject({ quarantined: 1 });
  }
  expect(await sizes()).toMatchObject({ candles: 0, quarantine: 1 });
});

test('the watermark follows the last stored closed candle and never goes back', async () => {
  const runId = await start();
  const [first, second, third] = testCandles(3);
  if (first === undefined || second === undefined || third === undefined) throw new Error('three');
  expect(await readWatermark(database.pool, TEST_SERIES)).toBeNull();
  await load(runId, page([{ ...first, isClosed: false }]));
  expect(await readWatermark(database.pool, TEST_SERIES)).toBeNull();
  await load(runId, page([first, second, { ...third, high: decimal('1') }]));
  expect(await readWatermark(database.pool, TEST_SERIES)).toBe(third.openTime);
  await load(runId, page([first]));
  await load(runId, page([]));
  await load(await start(), page([first]));
  expect(await readWatermark(database.pool, TEST_SERIES)).toBe(third.openTime);
  expect(await readWatermark(database.pool, { ...TEST_SERIES, interval: '5m' })).toBeNull();
});

test('a run taken over by another process stores nothing more', async () => {
  const runId = await start();
  await load(runId, page(testCandles(1)));
  const before = await sizes();
  expect(await abandonRuns(database.pool, 'another')).toBe(0);
  expect(await abandonRuns(database.pool, JOB)).toBe(1);
  await expect(load(runId, page(testCandles(5), { rejects: [reject()] }))).rejects.toThrow(
    `Ingest run ${runId} is no longer running`,
  );
  expect(await sizes()).toEqual(before);
  await finishRun(database.pool, runId, null);
  expect(await table('ingest_runs', 'id, state, error')).toMatchObject([
    { state: 'failed', error: 'abandoned: the process that ran it has ended' },
  ]);
});

test.each([300, COPY_ROWS_MIN])(
  'two runs that bring the same %i new candles both go through',
  async (size) => {
    const forward = testCandles(size);
    const backward = forward.map((candle) => ({ ...candle, trades: 43 })).reverse();
    const [first, second] = await Promise.all([
      load(await start(), page(forward)),
      load(await start(), page(backward)),
    ]);
    expect(first.counts.inserted + second.counts.inserted).toBe(size);
    expect(first.counts.revised + second.counts.revised).toBe(size);
    expect(await sizes()).toMatchObject({ candles: size });
  },
);

test('a batch whose connection dies before the commit leaves nothing', async () => {
  const runId = await start();
  // Holding the run's record lets the batch write everything else and then stop.
  const holder = await database.pool.connect();
  try {
    await holder.query('begin');
    await holder.query('select 1 from market.ingest_runs for no key update');
    const loading = load(runId, page(testCandles(5), { rejects: [reject()] }));
    const failed = expect(loading).rejects.toMatchObject({
      code: 'WICK_ETL_LOAD_FAILED',
      retryable: true,
    });
    await expect
      .poll(
        async () => {
          const ended = await database.pool.query<{ ended: boolean }>(
            `select pg_terminate_backend(pid) as ended from pg_stat_activity
             where datname = current_database() and wait_event_type = 'Lock'
               and query like '%update market.ingest_runs%' and pid <> pg_backend_pid()`,
          );
          return ended.rows;
        },
        { timeout: 20_000 },
      )
      .toEqual([{ ended: true }]);
    await failed;
  } finally {
    await holder.query('rollback');
    holder.release();
  }
  expect(await sizes()).toEqual({ candles: 0, raw: 0, quarantine: 0 });
  expect(await readWatermark(database.pool, TEST_SERIES)).toBeNull();
  // The same batch goes through as soon as Postgres answers again.
  expect(await load(runId, page(testCandles(5)))).toMatchObject({ counts: { inserted: 5 } });
});

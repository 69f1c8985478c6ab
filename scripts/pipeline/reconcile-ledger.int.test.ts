/**
 * The proof that gaps and funding payments agree, on real engines: equal rows pass, and every way in
 * which one can differ is found, in its bucket and in no other.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Series } from '#core/candle.ts';
import { decimal } from '#core/decimal.ts';
import { epochMs, type EpochMs } from '#core/time.ts';
import { useClickHouse } from '../../tests/support/clickhouse.ts';
import { sinkLedger, storeLedger, type TestLedger } from '../../tests/support/ledgers.ts';
import { usePostgres } from '../../tests/support/postgres.ts';
import { TRIAL_PRODUCER } from '../../tests/support/analyse.ts';
import { reconcile } from './reconcile.ts';
import { reconcileLedger } from '../../proof/reconcile-ledger.ts';

const postgres = usePostgres();
const clickhouse = useClickHouse();

const START = Date.UTC(2025, 5, 1);
const at = (hours: number, ms = 0): EpochMs => epochMs(START + hours * 3_600_000 + ms);
const series = (symbol: string, interval: Series['interval']): Series => ({
  exchange: 'binance-futures',
  marketType: 'perp',
  symbol,
  interval,
});

const LEDGER: TestLedger = {
  gaps: ['BTC/USDT', 'ETH/USDT'].flatMap((symbol) =>
    [0, 10, 30].map((hour, index) => ({
      series: series(symbol, '1m'),
      from: at(hour),
      to: at(hour + 1),
      candles: 60,
      cause: index === 2 ? ('missing' as const) : ('venue_empty' as const),
      attempts: 2 + index,
      emptyAnswers: 2,
      firstSeenAt: at(40, 123),
      lastCheckedAt: index === 2 ? null : at(41, 7),
      resolvedAt: index === 2 ? null : at(42),
      detail: index === 0 ? null : `answered 2 times | "without" them`,
      lastRunId: index === 2 ? null : '77',
    })),
  ),
  payments: ['BTC/USDT', 'ETH/USDT'].flatMap((symbol) =>
    [0, 8, 16, 24].map((hour, index) => ({
      series: series(symbol, '8h'),
      fundingTime: at(hour, index),
      rate: decimal(index === 1 ? '-0.000100000000000001' : '0.0001'),
      markPrice: index === 2 ? null : decimal('67000.5'),
      premium: index === 2 ? null : decimal('-0.00002'),
      observedAt: at(40, 5),
      source: 'rest',
      ingestRunId: index === 3 ? null : '12',
      rawId: index === 3 ? null : '34',
    })),
  ),
};
/** What each test damages: of BTC the second gap, and the second payment, both on the first day. */
const GAP = `symbol = 'BTC/USDT' and toHour(gap_from) = 10`;
const PAYMENT = `symbol = 'BTC/USDT' and toHour(funding_time) = 8`;
const GAPS_BUCKET = 'gaps binance-futures|perp|BTC/USDT|1m';
const FUNDING_BUCKET = 'funding binance-futures|perp|BTC/USDT|8h 2025-06-01';

beforeEach(async () => {
  await storeLedger(postgres.pool, LEDGER);
  await sinkLedger(clickhouse.client, LEDGER);
});

afterEach(async () => {
  await postgres.pool.query('truncate market.gaps, market.funding_rates');
  for (const table of ['gaps', 'funding_rates']) await run(`truncate table ${table}`);
});

function run(query: string): Promise<unknown> {
  return clickhouse.client.command({ query });
}

const report = (until?: string) =>
  reconcileLedger({ pool: postgres.pool, clickhouse: clickhouse.client }, until);

/** Writes a row of ClickHouse again with another value; the last one counts. */
const plant = (table: string, where: string, column: string, value: string): Promise<unknown> =>
  run(
    `insert into ${table} select * replace (${value} as ${column})
     from (select * from ${table} final where ${where})`,
  );

test('equal stores have no mismatch, and neither have empty ones', async () => {
  expect(await report()).toEqual([]);
  await postgres.pool.query('truncate market.gaps, market.funding_rates');
  for (const table of ['gaps', 'funding_rates']) await run(`truncate table ${table}`);
  expect(await report()).toEqual([]);
});

test('what differs is among the mismatches of all tables', async () => {
  await plant('gaps', GAP, 'cause', `'missing'`);
  const { pool } = postgres;
  const clients = { pool, clickhouse: clickhouse.client, producer: TRIAL_PRODUCER };
  expect(await reconcile(clients)).toEqual({
    series: 0,
    buckets: 0,
    mismatches: [
      { bucket: GAPS_BUCKET, what: '3 gaps on both sides, but not with the same values' },
    ],
  });
});

describe('a gap is found whose', () => {
  test.each([
    ['gap_to', 'addMinutes(gap_to, 1)'],
    ['candles', 'candles + 1'],
    ['cause', `'unrepairable'`],
    ['attempts', 'attempts + 1'],
    ['empty_answers', 'empty_answers - 1'],
    ['first_seen_at', 'addMilliseconds(first_seen_at, 1)'],
    ['last_checked_at', 'addMilliseconds(last_checked_at, 1)'],
    ['last_checked_at', 'null'],
    ['resolved_at', 'addMilliseconds(resolved_at, 1)'],
    ['resolved_at', 'null'],
    ['detail', `concat(detail, ' ')`],
    ['detail', 'null'],
    ['detail', `'~'`],
    ['last_run_id', 'last_run_id + 1'],
    ['last_run_id', 'null'],
  ])('%s is another: %s', async (column, value) => {
    await plant('gaps', GAP, column, value);
    expect(await report()).toEqual([
      { bucket: GAPS_BUCKET, what: '3 gaps on both sides, but not with the same values' },
    ]);
  });

  test('begin is another', async () => {
    await plant('gaps', GAP, 'is_deleted', 'toUInt8(1)');
    await run(
      `insert into gaps select * replace (addMinutes(gap_from, 1) as gap_from, toUInt8(0) as is_deleted)
       from gaps where ${GAP} limit 1`,
    );
    expect(await report()).toEqual([
      { bucket: GAPS_BUCKET, what: '3 gaps on both sides, but not with the same values' },
    ]);
  });
});

describe('a payment is found whose', () => {
  test.each([
    ['rate', `toDecimal128('-0.0001', 18)`],
    ['mark_price', `toDecimal128('67000.500000000000000001', 18)`],
    ['mark_price', 'null'],
    ['premium', `toDecimal128('0', 18)`],
    ['premium', 'null'],
    ['observed_at', 'addMilliseconds(observed_at, 1)'],
    ['source', `'ws'`],
    ['ingest_run_id', 'ingest_run_id + 1'],
    ['ingest_run_id', 'null'],
    ['raw_id', 'null'],
  ])('%s is another: %s', async (column, value) => {
    await plant('funding_rates', PAYMENT, column, value);
    expect(await report()).toEqual([
      {
        bucket: FUNDING_BUCKET,
        what: '3 funding payments on both sides, but not with the same values',
      },
    ]);
  });

  test('ids are swapped', async () => {
    await run(
      `insert into funding_rates select * replace (raw_id as ingest_run_id, ingest_run_id as raw_id)
       from (select * from funding_rates final where ${PAYMENT})`,
    );
    expect(await report()).toHaveLength(1);
  });
});

describe('rows are found that are', () => {
  test('missing in ClickHouse', async () => {
    await plant('gaps', GAP, 'is_deleted', 'toUInt8(1)');
    await plant('funding_rates', PAYMENT, 'is_deleted', 'toUInt8(1)');
    expect(await report()).toEqual([
      { bucket: GAPS_BUCKET, what: '3 gaps in Postgres, 2 in ClickHouse' },
      { bucket: FUNDING_BUCKET, what: '3 funding payments in Postgres, 2 in ClickHouse' },
    ]);
  });

  test('ghosts: in ClickHouse alone', async () => {
    await plant('gaps', GAP, 'symbol', `'GHOST/USDT'`);
    await plant('funding_rates', PAYMENT, 'funding_time', 'addDays(funding_time, 9)');
    expect(await report()).toEqual([
      {
        bucket: GAPS_BUCKET.replace('BTC', 'GHOST'),
        what: '0 gaps in Postgres, 1 in ClickHouse',
      },
      {
        bucket: FUNDING_BUCKET.replace('06-01', '06-10'),
        what: '0 funding payments in Postgres, 1 in ClickHouse',
      },
    ]);
  });

  test('changed in Postgres alone', async () => {
    await postgres.pool.query(
      `update market.gaps set cause = 'repaired' where symbol = 'BTC/USDT' and candles = 60
         and cause = 'venue_empty'`,
    );
    await postgres.pool.query(
      `update market.funding_rates set rate = rate + 0.000000000000000001
       where symbol = 'BTC/USDT' and funding_time = '2025-06-02 00:00:00.003Z'`,
    );
    const found = await report();
    expect(found.map(({ bucket }) => bucket)).toEqual([
      GAPS_BUCKET,
      FUNDING_BUCKET.replace('06-01', '06-02'),
    ]);
  });
});

test('rows that were touched at or after the given time are left out on both sides', async () => {
  await plant('gaps', GAP, 'cause', `'missing'`);
  await plant('funding_rates', PAYMENT, 'source', `'ws'`);
  const buckets = async (until: EpochMs): Promise<readonly string[]> =>
    (await report(String(until))).map(({ bucket }) => bucket);
  expect(await buckets(at(42, 1))).toEqual([GAPS_BUCKET, FUNDING_BUCKET]);
  expect(await buckets(at(42))).toEqual([FUNDING_BUCKET]);
  expect(await buckets(at(40, 5))).toEqual([]);
});

describe('an anchor is found that', () => {
  const BUCKET = 'anchor binance-futures|perp|BTC/USDT|1m';
  const tell = (version: number, anchor: EpochMs, isDeleted = 0): Promise<unknown> =>
    run(
      `insert into anchors values ('binance-futures', 'perp', 'BTC/USDT', '1m', ${version},
         fromUnixTimestamp64Milli(${anchor}, 'UTC'), fromUnixTimestamp64Milli(${at(40)}, 'UTC'),
         ${isDeleted}, 0, ${version})`,
    );

  beforeEach(async () => {
    await postgres.pool.query(
      `insert into market.anchors (exchange, market_type, symbol, interval, anchor, moved_at)
       values ('binance-futures', 'perp', 'BTC/USDT', '1m', $1, $2)`,
      [new Date(at(0)), new Date(at(40))],
    );
    await tell(7, at(12));
    await tell(9, at(0));
  });
  afterEach(async () => {
    await postgres.pool.query('truncate market.anchors');
    await run('truncate table anchors');
  });

  test('was moved and ClickHouse does not know; the last move is what counts', async () => {
    expect(await report()).toEqual([]);
    await tell(10, at(1));
    expect(await report()).toEqual([
      { bucket: BUCKET, what: '1 anchors on both sides, but not with the same values' },
    ]);
    expect(await report(String(at(40)))).toEqual([]);
  });

  test('is missing on one side', async () => {
    await tell(10, at(0), 1);
    expect(await report()).toEqual([
      { bucket: BUCKET, what: '1 anchors in Postgres, 0 in ClickHouse' },
    ]);
    await postgres.pool.query('truncate market.anchors');
    expect(await report()).toEqual([]);
  });
});

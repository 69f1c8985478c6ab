/**
 * The proof that the stores agree, on real engines: equal data pass, and every way in which one row
 * can differ is found, in its bucket and in no other.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Candle } from '#core/candle.ts';
import { decimal } from '#core/decimal.ts';
import { epochMs } from '#core/time.ts';
import { analyse, TRIAL_PRODUCER } from '../../tests/support/analyse.ts';
import { TEST_OPEN_TIME, testCandle } from '../../tests/support/candles.ts';
import { changeOf } from '../../tests/support/changes.ts';
import { useClickHouse } from '../../tests/support/clickhouse.ts';
import { storeCandles } from '../../tests/support/market.ts';
import { usePostgres } from '../../tests/support/postgres.ts';
import { reconcile } from './reconcile.ts';

const postgres = usePostgres();
const clickhouse = useClickHouse();

const TABLES = ['candles', 'candle_revisions', 'features', 'signals'];
const DAY_MS = 86_400_000;
/** The row that each test changes: BTC, ten minutes into the first day. */
const PLANTED = new Date(TEST_OPEN_TIME + 600_000).toISOString().slice(0, 19).replace('T', ' ');
const BUCKET = 'binance-futures|perp|BTC/USDT|1m 2025-06-01';
const WHERE = `symbol = 'BTC/USDT' and open_time = toDateTime64('${PLANTED}', 3, 'UTC')`;
const WHERE_POSTGRES = `symbol = 'BTC/USDT' and open_time = '${PLANTED}Z'`;
const LARGEST = decimal(`${'9'.repeat(20)}.${'9'.repeat(18)}`);

/** Two series over two days each, with the largest and smallest numbers, and absent values. */
function market(): Candle[] {
  const minutes = [0, 5, 10, 11, 1439, 1440, 1500];
  return ['BTC/USDT', 'ETH/USDT'].flatMap((symbol) =>
    minutes.map((minute, index) =>
      testCandle({
        symbol,
        openTime: epochMs(TEST_OPEN_TIME + minute * 60_000),
        observedAt: epochMs(TEST_OPEN_TIME + DAY_MS * 3 + minute * 1000 + 123),
        high: index === 4 ? LARGEST : decimal('110.5'),
        low: index === 4 ? decimal('0.000000000000000001') : decimal('90'),
        ...(index === 1
          ? {
              volume: null,
              quoteVolume: null,
              trades: null,
              takerBuyBase: null,
              takerBuyQuote: null,
            }
          : {}),
      }),
    ),
  );
}

beforeEach(async () => {
  const candles = market();
  await storeCandles(postgres.pool, candles);
  await analyse(clickhouse.client, candles.map(changeOf));
});

afterEach(async () => {
  await postgres.pool.query('truncate market.candles');
  for (const table of TABLES) await run(`truncate table ${table}`);
});

function run(query: string): Promise<unknown> {
  return clickhouse.client.command({ query });
}

function report() {
  const { pool } = postgres;
  return reconcile({ pool, clickhouse: clickhouse.client, producer: TRIAL_PRODUCER });
}

/** Writes the planted row of a ClickHouse table again, with another value; the last one counts. */
async function plant(table: string, column: string, value: string): Promise<void> {
  await run(
    `insert into ${table} select * replace (${value} as ${column})
     from (select * from ${table} final where ${WHERE})`,
  );
}

async function check(...whats: readonly RegExp[]): Promise<void> {
  const { mismatches } = await report();
  expect(mismatches.map(({ bucket }) => bucket)).toEqual(whats.map(() => BUCKET));
  for (const [index, what] of whats.entries()) expect(mismatches[index]?.what).toMatch(what);
}

const VALUES_DIFFER = /^5 candles on both sides, but not with the same values$/;

test('equal stores have no mismatch, by series and day', async () => {
  expect(await report()).toEqual({ series: 2, buckets: 4, mismatches: [] });
});

test('empty stores have none either', async () => {
  await postgres.pool.query('truncate market.candles');
  for (const table of TABLES) await run(`truncate table ${table}`);
  expect(await report()).toEqual({ series: 0, buckets: 0, mismatches: [] });
});

test('a candle that is still open is nobody’s mismatch', async () => {
  const open = testCandle({ openTime: epochMs(TEST_OPEN_TIME + 20 * 60_000), isClosed: false });
  await storeCandles(postgres.pool, [open]);
  expect((await report()).mismatches).toEqual([]);
});

describe('a candle is found whose', () => {
  test.each<[string, string]>([
    ['open', `toDecimal128('100.000000000000000001', 18)`],
    ['high', `toDecimal128('110.4', 18)`],
    ['low', `toDecimal128('90.000000000000000001', 18)`],
    ['close', `toDecimal128('104.999999999999999999', 18)`],
    ['volume', `toDecimal128('12.500000000000000001', 18)`],
    ['volume', 'null'],
    ['quote_volume', `toDecimal128('0', 18)`],
    ['trades', 'toInt64(43)'],
    ['trades', 'null'],
    ['taker_buy_base', `toDecimal128('600', 18)`],
    ['taker_buy_quote', 'null'],
    ['revision', 'toUInt32(1)'],
    ['observed_at', 'addMilliseconds(observed_at, 1)'],
    ['source', `'ws'`],
  ])('%s is %s in ClickHouse', async (column, value) => {
    await plant('candles', column, value);
    await check(VALUES_DIFFER);
  });

  test('absent value is 0 in ClickHouse', async () => {
    const minute = `toDateTime64('2025-06-01 00:05:00', 3, 'UTC')`;
    await run(
      `insert into candles select * replace (toInt64(0) as trades) from candles final
       where symbol = 'BTC/USDT' and open_time = ${minute}`,
    );
    await check(VALUES_DIFFER);
  });

  test.each(['open', 'high', 'low', 'close', 'volume'])(
    '%s is another in Postgres',
    async (name) => {
      const units = name === 'high' ? '+' : '-';
      const step = name === 'open' || name === 'close' ? '0.5' : '0.000000000000000001';
      await postgres.pool.query(
        `update market.candles set ${name} = ${name} ${units} ${step} where ${WHERE_POSTGRES}`,
      );
      await check(VALUES_DIFFER);
    },
  );

  test('values are those of its neighbour, and the neighbour’s are its own', async () => {
    const pair = `symbol = 'BTC/USDT' and open_time in ('2025-06-01 00:10Z', '2025-06-01 00:11Z')`;
    await postgres.pool.query(
      `update market.candles set close = case when extract(minute from open_time) = 10
         then 101 else 102 end where ${pair}`,
    );
    await run(
      `insert into candles select * replace (
         toDecimal128(if(toMinute(open_time) = 10, 102, 101), 18) as close) from candles final
       where symbol = 'BTC/USDT' and toDate(open_time) = '2025-06-01'
         and toMinute(open_time) in (10, 11) and toHour(open_time) = 0`,
    );
    await check(VALUES_DIFFER);
  });
});

describe('a row is found that is', () => {
  test('missing in ClickHouse', async () => {
    for (const table of ['candles', 'features', 'signals']) {
      await plant(table, 'is_deleted', 'toUInt8(1)');
    }
    await check(/^5 candles in Postgres, 4 in ClickHouse$/);
  });

  test('missing in Postgres', async () => {
    await postgres.pool.query(`delete from market.candles where ${WHERE_POSTGRES}`);
    await check(/^4 candles in Postgres, 5 in ClickHouse$/);
  });

  test('in ClickHouse alone, in a series of its own', async () => {
    for (const table of ['candles', 'features', 'signals']) {
      await plant(table, 'symbol', `'GHOST/USDT'`);
    }
    expect(await report()).toEqual({
      series: 2,
      buckets: 4,
      mismatches: [
        {
          bucket: 'binance-futures|perp|GHOST/USDT|1m 2025-06-01',
          what: '0 candles in Postgres, 1 in ClickHouse',
        },
      ],
    });
  });

  test('on another day', async () => {
    await postgres.pool.query(
      `update market.candles set open_time = open_time + interval '1 day' where ${WHERE_POSTGRES}`,
    );
    const { mismatches } = await report();
    expect(mismatches.map(({ bucket }) => bucket).sort()).toEqual([
      BUCKET,
      BUCKET.replace('06-01', '06-02'),
    ]);
  });
});

describe.each(['features', 'signals'])('a row of %s is found that', (table) => {
  const found = new RegExp(`^1 candles without their ${table} row, or the reverse$`);

  test('is missing', async () => {
    await plant(table, 'is_deleted', 'toUInt8(1)');
    await check(found);
  });

  test('was made from another version of its candle', async () => {
    await plant(table, 'candle_version', 'candle_version - 1');
    await check(found);
  });

  test('has no candle', async () => {
    const later = `addMinutes(open_time, 7)`;
    await plant(table, 'open_time', later);
    await check(found);
  });
});

describe('rows of other sets and versions', () => {
  /** Where each table's rows could come from; the trial sets are of version 1. */
  const others: readonly (readonly ['features' | 'signals', string, string])[] = [
    ['features', 'feature_set', `'other'`],
    ['features', 'feature_set_version', 'toUInt16(2)'],
    ['signals', 'feature_set', `'other'`],
    ['signals', 'feature_set_version', 'toUInt16(2)'],
    ['signals', 'rule_set', `'other'`],
    ['signals', 'rule_set_version', 'toUInt16(2)'],
    ['signals', 'model_version', `'m1'`],
  ];

  test.each(others)('%s: another %s is no mismatch', async (table, column, value) => {
    await run(`insert into ${table} select * replace (${value} as ${column}) from ${table} final`);
    // Left over from candles that were deleted before these sets ran.
    await run(
      `insert into ${table} select * replace (${value} as ${column},
         addDays(open_time, 9) as open_time) from ${table} final where ${WHERE}`,
    );
    expect((await report()).mismatches).toEqual([]);
  });

  test.each(others)('%s: another %s hides no hole', async (table, column, value) => {
    await plant(table, column, value);
    await run(
      `insert into ${table} select * replace (toUInt8(1) as is_deleted) from ${table} final
       where ${WHERE} and ${column} != ${value}`,
    );
    await check(new RegExp(`^1 candles without their ${table} row, or the reverse$`));
  });
});

test('a candle that was revised without its rows is found in all three', async () => {
  await plant('candles', 'version', 'version + 1');
  await check(/^1 candles without their features row/, /^1 candles without their signals row/);
});

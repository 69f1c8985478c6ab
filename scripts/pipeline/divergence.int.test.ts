/** Stores that differ with nothing on its way; the stores are real, Kafka's offsets are given. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { epochMs, type EpochMs } from '#core/time.ts';
import { systemClock } from '#platform/clock.ts';
import { analyse, TRIAL_PRODUCER } from '../../tests/support/analyse.ts';
import { TEST_OPEN_TIME, TEST_SERIES, testCandles } from '../../tests/support/candles.ts';
import { useClickHouse } from '../../tests/support/clickhouse.ts';
import { changeOf } from '../../tests/support/changes.ts';
import { sinkLedger, storeLedger, type TestGap } from '../../tests/support/ledgers.ts';
import { storeCandles } from '../../tests/support/market.ts';
import { usePostgres } from '../../tests/support/postgres.ts';
import type { CountedClients } from './counts.ts';
import { findDivergence } from './divergence.ts';

const postgres = usePostgres();
const clickhouse = useClickHouse();
const CANDLES = testCandles(6);
const BUCKET = 'binance-futures|perp|BTC/USDT|1m 2025-06-01';

beforeEach(async () => {
  await storeCandles(postgres.pool, CANDLES);
  await analyse(clickhouse.client, CANDLES.map(changeOf), { withAnchors: false });
});

afterEach(async () => {
  await postgres.pool.query('truncate market.candles, market.gaps, market.funding_rates');
  for (const table of ['candles', 'candle_revisions', 'features', 'signals', 'gaps']) {
    await clickhouse.client.command({ query: `truncate table ${table}` });
  }
});

interface Waiting {
  readonly lag?: number;
  readonly deadLetters?: number;
  /** Called with each look at Kafka. */
  readonly onLook?: () => Promise<unknown>;
}

function find({ lag = 0, deadLetters = 0, onLook }: Waiting = {}) {
  const kafka: CountedClients['kafka'] = {
    fetchTopicOffsets: async (topic) => {
      await onLook?.();
      const high = String(topic === 'wickstream.dlq' ? deadLetters : 6 + lag);
      return [{ partition: 0, low: '0', high, offset: high }];
    },
    fetchOffsets: () =>
      Promise.resolve([
        {
          topic: 'wickstream.market.candles',
          partitions: [{ partition: 0, offset: '6', metadata: null }],
        },
      ]),
  };
  const { pool } = postgres;
  return findDivergence(
    { pool, clickhouse: clickhouse.client, kafka, producer: TRIAL_PRODUCER },
    0,
  );
}

const lose = (minute: number): Promise<unknown> =>
  clickhouse.client.command({
    query: `insert into candles select * replace (toUInt8(1) as is_deleted) from candles final
            where toMinute(open_time) = ${minute}`,
  });

test('stores that agree do not differ', async () => {
  expect(await find()).toBeNull();
});

test('a candle that ClickHouse lacks is found, with its bucket', async () => {
  await lose(3);
  expect(await find()).toMatchObject({
    postgres: 6,
    clickhouse: 5,
    buckets: [
      `${BUCKET}: 6 candles in Postgres, 5 in ClickHouse`,
      expect.stringContaining(`${BUCKET}: 1 candles without their features row`),
      expect.stringContaining(`${BUCKET}: 1 candles without their signals row`),
    ],
  });
});

test('a candle that only ClickHouse has is found', async () => {
  await postgres.pool.query('truncate market.candles');
  expect(await find()).toMatchObject({ postgres: 0, clickhouse: 6 });
});

test('no difference counts while changes wait for the analyzer', async () => {
  await lose(3);
  expect(await find({ lag: 1 })).toBeNull();
});

test('a dead letter of some series hides no difference', async () => {
  await lose(3);
  expect(await find({ deadLetters: 1 })).toMatchObject({ postgres: 6, clickhouse: 5 });
});

test('what was seen just now may be on its way', async () => {
  const observedAt = epochMs(systemClock.now());
  await storeCandles(postgres.pool, testCandles(2, { symbol: 'NEW/USDT', observedAt }));
  expect(await find()).toBeNull();
});

test('what is level at the second look was on its way', async () => {
  const late = testCandles(2, { symbol: 'LATE/USDT' });
  await storeCandles(postgres.pool, late);
  const onLook = (): Promise<unknown> =>
    analyse(clickhouse.client, late.map(changeOf), { withAnchors: false });
  expect(await find({ onLook })).toBeNull();
});

test('a candle that is still open is nobody’s difference', async () => {
  await storeCandles(postgres.pool, testCandles(1, { symbol: 'OPEN/USDT', isClosed: false }));
  expect(await find()).toBeNull();
});

describe('a gap', () => {
  const gap = (firstSeenAt: EpochMs): TestGap => ({
    series: TEST_SERIES,
    from: TEST_OPEN_TIME,
    to: epochMs(TEST_OPEN_TIME + 60_000),
    candles: 1,
    cause: 'missing',
    attempts: 0,
    emptyAnswers: 0,
    firstSeenAt,
    lastCheckedAt: null,
    resolvedAt: null,
    detail: null,
    lastRunId: null,
  });
  const ledger = (at: EpochMs) => ({ gaps: [gap(at)], payments: [] });

  test('that ClickHouse lacks is found, though the candles agree', async () => {
    await storeLedger(postgres.pool, ledger(TEST_OPEN_TIME));
    expect(await find()).toEqual({
      postgres: 6,
      clickhouse: 6,
      buckets: [],
      ledger: ['gaps binance-futures|perp|BTC/USDT|1m: 1 gaps in Postgres, 0 in ClickHouse'],
    });
    expect(await find({ lag: 1 })).toBeNull();
  });

  test('that was seen just now may be on its way', async () => {
    await storeLedger(postgres.pool, ledger(epochMs(systemClock.now())));
    expect(await find()).toBeNull();
  });

  test('that both have the same is no difference, and one on its way is none either', async () => {
    await storeLedger(postgres.pool, ledger(TEST_OPEN_TIME));
    expect(
      await find({ onLook: () => sinkLedger(clickhouse.client, ledger(TEST_OPEN_TIME)) }),
    ).toBeNull();
    expect(await find()).toBeNull();
  });
});

/** What the pipeline holds: the stores are real, Kafka's offsets are given. */
import { afterEach, describe, expect, test } from 'vitest';
import { seriesKey } from '#core/candle.ts';
import { REPLICATION_SLOT } from '#core/contracts/names.ts';
import { epochMs } from '#core/time.ts';
import { analyse, TRIAL_PRODUCER } from '../../tests/support/analyse.ts';
import { CandleStream } from '../../tests/support/candle-stream.ts';
import { TEST_OPEN_TIME, testCandle, testCandles } from '../../tests/support/candles.ts';
import { useClickHouse } from '../../tests/support/clickhouse.ts';
import { storeCandles } from '../../tests/support/market.ts';
import { usePostgres } from '../../tests/support/postgres.ts';
import { readCounts, type CountedClients, type PipelineCounts } from './counts.ts';

const postgres = usePostgres();
const clickhouse = useClickHouse();

interface Offsets {
  readonly low: string;
  readonly high: string;
  /** Kafka says -1 for a partition that the group never committed. */
  readonly committed: string;
}

/** A topic whose partitions stand there, a group that stands where it says, and dead letters. */
function kafkaAt(
  partitions: readonly Offsets[],
  dead: readonly Offsets[],
): CountedClients['kafka'] {
  return {
    fetchTopicOffsets: (topic) =>
      Promise.resolve(
        (topic === 'wickstream.dlq' ? dead : partitions).map(({ low, high }, partition) => ({
          partition,
          low,
          high,
          offset: high,
        })),
      ),
    fetchOffsets: () =>
      Promise.resolve([
        {
          topic: 'wickstream.market.candles',
          partitions: partitions.map(({ committed }, partition) => ({
            partition,
            offset: committed,
            metadata: null,
          })),
        },
      ]),
  };
}

function read(...partitions: readonly Offsets[]): Promise<PipelineCounts> {
  const { pool } = postgres;
  return readCounts({
    pool,
    clickhouse: clickhouse.client,
    kafka: kafkaAt(partitions, []),
    producer: TRIAL_PRODUCER,
  });
}

afterEach(async () => {
  await postgres.pool.query('truncate market.candles');
  for (const table of ['candles', 'candle_revisions', 'features', 'signals']) {
    await clickhouse.client.command({ query: `truncate table ${table}` });
  }
});

test('an empty pipeline counts nothing, and has no slot', async () => {
  expect(await read()).toEqual({
    postgresCandles: 0,
    changes: 0,
    lag: 0,
    deadLetters: 0,
    candles: 0,
    features: 0,
    signals: 0,
    slot: null,
  });
});

test('closed candles count, open ones do not', async () => {
  const open = testCandle({ openTime: epochMs(TEST_OPEN_TIME + 600_000), isClosed: false });
  await storeCandles(postgres.pool, [...testCandles(5), open]);
  expect((await read()).postgresCandles).toBe(5);
});

test('rows written twice and deleted rows do not count', async () => {
  const stream = new CandleStream(6);
  stream.apply({ kind: 'delete', series: 0, pick: 5, value: 0 });
  await analyse(clickhouse.client, stream.changes);
  await analyse(clickhouse.client, stream.changes);
  const deleted = stream.changes.at(-1)!;
  expect(deleted.key).toBe(seriesKey(deleted.series));
  expect(await read()).toMatchObject({ candles: 11, features: 11, signals: 11 });
});

test('rows of other sets, rules and models do not count', async () => {
  await analyse(clickhouse.client, new CandleStream(6).changes);
  for (const [table, other] of [
    ['features', `'other' as feature_set`],
    ['features', `2 as feature_set_version`],
    ['signals', `2 as feature_set_version`],
    ['signals', `'other' as rule_set`],
    ['signals', `2 as rule_set_version`],
    ['signals', `'m1' as model_version`],
  ]) {
    const query = `insert into ${table} select * replace (${other}) from ${table} final`;
    await clickhouse.client.command({ query });
  }
  expect(await read()).toMatchObject({ candles: 12, features: 12, signals: 12 });
});

describe('the lag is what was not committed', () => {
  test.each<[string, Offsets[], Pick<PipelineCounts, 'changes' | 'lag'>]>([
    ['nothing when all was', [{ low: '0', high: '9', committed: '9' }], { changes: 9, lag: 0 }],
    ['the rest of a partition', [{ low: '0', high: '9', committed: '4' }], { changes: 9, lag: 5 }],
    [
      'all of one never committed',
      [{ low: '0', high: '9', committed: '-1' }],
      { changes: 9, lag: 9 },
    ],
    [
      'what is left of one never committed whose beginning is gone',
      [{ low: '6', high: '9', committed: '-1' }],
      { changes: 9, lag: 3 },
    ],
    [
      'the sum over partitions',
      [
        { low: '0', high: '10', committed: '7' },
        { low: '0', high: '0', committed: '-1' },
        { low: '2', high: '5', committed: '-1' },
      ],
      { changes: 15, lag: 6 },
    ],
  ])('%s', async (_name, partitions, expected) => {
    expect(await read(...partitions)).toMatchObject(expected);
  });
});

test('dead letters are those that Kafka still has', async () => {
  const dead = [
    { low: '0', high: '3', committed: '-1' },
    { low: '5', high: '6', committed: '-1' },
  ];
  const kafka = kafkaAt([{ low: '0', high: '9', committed: '9' }], dead);
  const { pool } = postgres;
  const clients = { pool, clickhouse: clickhouse.client, kafka, producer: TRIAL_PRODUCER };
  const counts = await readCounts(clients);
  expect(counts).toMatchObject({ changes: 9, lag: 0, deadLetters: 4 });
});

test('a replication slot is told with how far it is behind', async () => {
  const { pool } = postgres;
  await pool.query(`select pg_create_logical_replication_slot($1, 'pgoutput')`, [REPLICATION_SLOT]);
  try {
    await storeCandles(pool, testCandles(200));
    const { slot } = await read();
    expect(slot?.active).toBe(false);
    expect(slot?.lagBytes).toBeGreaterThan(10_000);
  } finally {
    await pool.query('select pg_drop_replication_slot($1)', [REPLICATION_SLOT]);
  }
});

/**
 * State on real stores: saved, cached, damaged, half saved and lost. Whatever is left, a partition
 * comes back to the same texts; the ledger alone is enough.
 */
import { afterEach, beforeAll, afterAll, beforeEach, describe, expect, test } from 'vitest';
import { seriesKey, type Series } from '#core/candle.ts';
import { REDIS_KEYS } from '#core/contracts/names.ts';
import { createRedis, type Redis } from '#platform/redis.ts';
import { readRows } from '#platform/clickhouse.ts';
import { analyse, TRIAL_PRODUCER } from '../tests/support/analyse.ts';
import { CandleStream } from '../tests/support/candle-stream.ts';
import { useClickHouse } from '../tests/support/clickhouse.ts';
import { startEngines } from '../tests/support/engines.ts';
import { recordLogger, type RecordedLogger } from '../tests/support/recorded-logger.ts';
import { TRIAL_RULES } from '../tests/support/trial-rules.ts';
import { CheckpointStore, type Checkpoint } from './checkpoint.ts';
import { ClickHouseHistory } from './history.ts';
import { PartitionState, type SeriesEvent } from './partition.ts';
import { newestVersion, START } from './position.ts';
import { producerId } from './sink/tables.ts';

const clickhouse = useClickHouse();
const TOPIC = 'wickstream.market.candles';
const PARTITION = 3;
let redis: Redis;
let log: RecordedLogger;
let store: CheckpointStore;
let changes: readonly SeriesEvent[] = [];

beforeAll(async () => {
  const { config } = await startEngines(['redis', 'clickhouse']);
  redis = createRedis(config, () => undefined);
  await redis.connect();
  changes = life();
});

afterAll(() => redis.disconnect());

beforeEach(async () => {
  log = recordLogger();
  store = storeOn(redis);
  await analyse(clickhouse.client, changes);
});

afterEach(async () => {
  await forgetCache();
  for (const table of [
    'analyzer_state',
    'candle_revisions',
    'candles',
    'features',
    'signals',
    'anchors',
    'waypoints',
  ]) {
    await clickhouse.client.command({ query: `truncate table ${table}` });
  }
});

function history(): ClickHouseHistory {
  return new ClickHouseHistory({ client: clickhouse.client, producer: producerId(TRIAL_PRODUCER) });
}

function storeOn(cache: Redis): CheckpointStore {
  const { client } = clickhouse;
  return new CheckpointStore({
    client,
    redis: cache,
    logger: log.logger,
    topic: TOPIC,
    rules: TRIAL_RULES,
    history: history(),
  });
}

/** Two series of one partition, with names of this test's own: Redis is shared. */
function life(): SeriesEvent[] {
  const stream = new CandleStream(5);
  const kinds = [
    'next',
    'anchor',
    'revise',
    'late',
    'anchor',
    'delete',
    'next',
    'move',
    'copy',
    'revise_newest',
    'copy',
    'next',
  ] as const;
  for (const [index, kind] of kinds.entries()) {
    stream.apply({ kind, series: index % 2, pick: index, value: index * 3 });
  }
  return stream.events.map((change, index) => {
    const series: Series = { ...change.series, symbol: `STATE-${change.series.symbol}` };
    const offset = String(100 + index);
    return { ...change, series, key: seriesKey(series), partition: PARTITION, offset };
  });
}

/** The partition after the first `count` changes. */
async function partitionAfter(count: number): Promise<PartitionState> {
  const partition = new PartitionState({
    rules: TRIAL_RULES,
    history: history(),
    output: {
      change: () => undefined,
      anchor: () => undefined,
      gap: () => undefined,
      derived: () => undefined,
      waypoint: () => undefined,
      newest: () => undefined,
    },
  });
  for (const change of changes.slice(0, count)) await partition.apply([change]);
  return partition;
}

function checkpointOf(partition: PartitionState, count: number): Checkpoint {
  const states = [...partition.series];
  return {
    partition: PARTITION,
    offset: BigInt(100 + count),
    changed: new Map(
      states.map(([key, state]) => [
        key,
        { version: newestVersion(state.position), text: state.save() },
      ]),
    ),
    positions: new Map(states.map(([key, state]) => [key, state.position])),
  };
}

async function saved(
  count = changes.length,
): Promise<{ partition: PartitionState; checkpoint: Checkpoint }> {
  const partition = await partitionAfter(count);
  const checkpoint = checkpointOf(partition, count);
  await store.save([checkpoint]);
  return { partition, checkpoint };
}

function textsOf(series: ReadonlyMap<string, { save(): string }>): Record<string, string> {
  return Object.fromEntries([...series].map(([key, state]) => [key, state.save()]));
}

async function forgetCache(): Promise<void> {
  const keys = new Set(changes.map(({ key }) => REDIS_KEYS.state(key)));
  await redis.del(...keys);
}

/** Spoils a stored row: the higher offset is the one that is read. */
async function spoil(series: string, column: string, value: string): Promise<void> {
  await clickhouse.client.command({
    query: `insert into analyzer_state select * replace (${value} as ${column})
            from (select * from analyzer_state final where series = {series:String})`,
    query_params: { series },
  });
}

async function check(expected: PartitionState, offset: bigint): Promise<void> {
  const restored = await store.restore(PARTITION, 999n);
  expect(textsOf(restored.series)).toEqual(textsOf(expected.series));
  expect(restored.offset).toBe(offset);
}

const KEY = 'binance-futures|perp|STATE-BTC/USDT|1m';

describe('a partition comes back as it was saved', () => {
  test('from the cache', async () => {
    const { partition, checkpoint } = await saved();
    await clickhouse.client.command({ query: 'truncate table candle_revisions' });
    await check(partition, checkpoint.offset);
    expect(log.lines).toEqual([]);
  });

  test('from ClickHouse when the cache is empty', async () => {
    const { partition, checkpoint } = await saved();
    await forgetCache();
    await clickhouse.client.command({ query: 'truncate table candle_revisions' });
    await check(partition, checkpoint.offset);
    expect(log.lines).toEqual([]);
  });

  test('when the cache is away, with a warning', async () => {
    const away = redis.duplicate();
    away.disconnect();
    store = storeOn(away);
    const { partition, checkpoint } = await saved();
    await check(partition, checkpoint.offset);
    expect(log.lines).toMatchObject([
      { level: 'warn', msg: 'state cache not written' },
      { level: 'warn', msg: 'state cache not read' },
    ]);
  });

  test('when the cache holds something else', async () => {
    const { partition, checkpoint } = await saved();
    for (const text of ['', '{}', 'no json', '{"version":"1","state":"x","hash":"y"}']) {
      await redis.set(REDIS_KEYS.state(KEY), text);
      await check(partition, checkpoint.offset);
    }
  });

  test.each([1, 9, 12, 14, 15, 17, 18, 19, 20, 21])(
    'after %i changes, from the ledger alone',
    async (count) => {
      const { partition, checkpoint } = await saved(count);
      await forgetCache();
      for (const key of partition.series.keys()) await spoil(key, 'hash', `'damaged'`);
      await check(partition, checkpoint.offset);
    },
  );
});

describe('a state that cannot be taken is rebuilt from the ledger', () => {
  test.each<[string, string, string, unknown[]]>([
    [
      'is damaged',
      'state',
      `concat(state, ' ')`,
      [{ level: 'warn', msg: 'a stored state does not match its hash; rebuilding it' }],
    ],
    ['is of another version', 'version', 'version + 1', []],
    [
      'is of another layout',
      'state',
      `'{}'`,
      [{ level: 'warn', msg: 'a stored state does not match its hash; rebuilding it' }],
    ],
  ])('when it %s', async (_name, column, value, lines) => {
    const { partition, checkpoint } = await saved();
    await forgetCache();
    await spoil(KEY, column, value);
    await check(partition, checkpoint.offset);
    expect(log.lines).toMatchObject(lines);
  });

  test('when it is whole but of another feature set', async () => {
    const { partition, checkpoint } = await saved();
    await forgetCache();
    const other = `replaceAll(state, 'trial.v1', 'trial.v9')`;
    await clickhouse.client.command({
      query: `insert into analyzer_state
              select * replace (${other} as state, lower(hex(SHA256(${other}))) as hash)
              from (select * from analyzer_state final where series = {series:String})`,
      query_params: { series: KEY },
    });
    await check(partition, checkpoint.offset);
    expect(log.lines).toMatchObject([{ level: 'info', msg: 'rebuilding a series' }]);
  });

  test('when the process ended between the states and their marker', async () => {
    const half = changes.length - 4;
    const { partition, checkpoint } = await saved(half);
    const later = checkpointOf(await partitionAfter(changes.length), changes.length);
    await store.save([later]);
    await forgetCache();
    await clickhouse.client.command({
      query: `alter table analyzer_state delete where series = '' and kafka_offset = ${later.offset}
              settings mutations_sync = 2`,
    });
    await store.save([{ ...checkpoint, changed: new Map() }]);
    await check(partition, checkpoint.offset);
  });
});

test('a rebuild breathes, and says which series are not stored as they are now', async () => {
  const { partition } = await saved();
  await clickhouse.client.command({ query: 'truncate table analyzer_state' });
  await forgetCache();
  let breaths = 0;
  const restored = await store.restore(PARTITION, 999n, {
    breathe: async () => void (breaths += 1),
  });
  expect(textsOf(restored.series)).toEqual(textsOf(partition.series));
  expect([...restored.rebuilt].sort()).toEqual([...partition.series.keys()].sort());
  expect(breaths).toBeGreaterThan(0);
});

test('a restore that is told to stop does', async () => {
  await saved();
  await clickhouse.client.command({ query: 'truncate table analyzer_state' });
  await forgetCache();
  const stop = (): Promise<never> => Promise.reject(new Error('not ours any more'));
  await expect(store.restore(PARTITION, 999n, { breathe: stop })).rejects.toThrow('not ours');
});

describe('without a marker', () => {
  test('the ledger tells how far the committed offset was taken', async () => {
    for (const count of [3, changes.length - 5, changes.length - 1, changes.length]) {
      const committed = BigInt(100 + count);
      const restored = await store.restore(PARTITION, committed);
      expect(restored.offset).toBe(committed);
      expect(textsOf(restored.series)).toEqual(textsOf((await partitionAfter(count)).series));
    }
  });

  test('or with one that is damaged it does as well', async () => {
    const { partition } = await saved();
    await spoil('', 'state', `'{'`);
    const committed = BigInt(100 + changes.length);
    const restored = await store.restore(PARTITION, committed);
    expect(restored.offset).toBe(committed);
    expect(textsOf(restored.series)).toEqual(textsOf(partition.series));
    expect(log.lines).toMatchObject([{ level: 'warn', msg: expect.stringContaining('marker') }]);
  });

  test('and with nothing committed everything is consumed again', async () => {
    const { offset, series } = await store.restore(PARTITION, null);
    expect([offset, series.size]).toEqual([null, 0]);
  });

  test('and without a ledger too', async () => {
    const { offset, series } = await store.restore(PARTITION + 1, 5n);
    expect([offset, series.size]).toEqual([null, 0]);
  });
});

test('a checkpoint of some series keeps the others where they were', async () => {
  const { checkpoint } = await saved(changes.length - 2);
  const partition = await partitionAfter(changes.length);
  const later = checkpointOf(partition, changes.length);
  const before = new Map([...checkpoint.changed].map(([key, { text }]) => [key, text]));
  const changed = new Map([...later.changed].filter(([key, { text }]) => before.get(key) !== text));
  await store.save([{ ...later, changed }]);
  await forgetCache();
  await check(partition, later.offset);
});

test('several partitions are saved at once, each with its own states', async () => {
  const partition = await partitionAfter(changes.length);
  const mine = checkpointOf(partition, changes.length);
  const other = 'binance-futures|perp|STATE-OTHER/USDT|1m';
  const position = { ...START, version: 7n };
  const theirs = { partition: PARTITION + 1, offset: 9n, positions: new Map([[other, position]]) };
  await store.save([mine, { ...theirs, changed: new Map() }]);
  await forgetCache();
  await check(partition, mine.offset);
  const restored = await store.restore(PARTITION + 1, 999n);
  expect([restored.offset, [...restored.series.keys()]]).toEqual([9n, [other]]);
});

test('partitions and topics are kept apart', async () => {
  await saved();
  const { offset } = await store.restore(PARTITION + 1, null);
  expect(offset).toBeNull();
  const rows = await readRows<{ n: string }>(
    clickhouse.client,
    `select count() as n from analyzer_state final where topic = '${TOPIC}'`,
  );
  expect(Number(rows[0]?.n)).toBe(new Set(changes.map(({ key }) => key)).size + 1);
});

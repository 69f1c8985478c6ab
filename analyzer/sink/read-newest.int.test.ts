/** The newest candles as they are read back from a real ClickHouse, against what was written. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { seriesKey, type Series } from '#core/candle.ts';
import { insertNative } from '#platform/clickhouse.ts';
import { CandleStream, type TableOperation } from '../../tests/support/candle-stream.ts';
import { useClickHouse } from '../../tests/support/clickhouse.ts';
import { MemoryLedger } from '../../tests/support/memory-ledger.ts';
import { TRIAL_RULES } from '../../tests/support/trial-rules.ts';
import { PartitionState } from '../partition.ts';
import type { NewestCandle } from '../series-state.ts';
import { readNewest } from './read-newest.ts';
import { OUTPUT_NAMES, OUTPUTS, OutputRows, type Producer } from './tables.ts';

const clickhouse = useClickHouse();
const TOPIC = 'test.candles';
const PARTITION = 7;
const PRODUCER: Producer = {
  featureSet: 'trial',
  featureSetVersion: 2,
  featureSetHash: '00'.repeat(32),
  ruleSet: 'trial',
  ruleSetVersion: 3,
  modelVersion: '',
};

let stream: CandleStream;
/** What the analyzer told last of each series, in plain words. */
let told: Map<string, unknown>;
let partition: PartitionState;
let rows: OutputRows;
let taken = 0;

beforeEach(() => {
  stream = new CandleStream(3);
  told = new Map();
  rows = new OutputRows(PRODUCER);
  taken = 0;
  const ledger = new MemoryLedger();
  partition = new PartitionState({
    rules: TRIAL_RULES,
    history: ledger,
    output: {
      change: (change) => {
        ledger.write(change);
        rows.addChange(change);
      },
      anchor: (change) => ledger.writeAnchor(change),
      gap: (change) => void ledger.writeGap(change),
      derived: (_key, series, row) => rows.addDerived(series, row),
      waypoint: (...waypoint) => ledger.writeWaypoint(...waypoint),
      newest: (key, newest) => told.set(key, newest === null ? null : plain(newest)),
    },
  });
});

afterEach(async () => {
  for (const table of ['analyzer_state', 'candle_revisions', 'candles', 'features', 'signals']) {
    await clickhouse.client.command({ query: `truncate table ${table}` });
  }
});

/** All but the version of a row, which a state does not keep. */
function plain({ candle, row }: NewestCandle): unknown {
  const { evaluation } = row;
  return {
    candle,
    candleVersion: row.candleVersion,
    evaluation: evaluation && { ...evaluation, vector: [...evaluation.vector] },
  };
}

/** Brings what the stream holds by now to ClickHouse. */
async function analyse(): Promise<void> {
  const fresh = stream.events.slice(taken).map((event) => ({ ...event, partition: PARTITION }));
  taken = stream.events.length;
  await partition.apply(fresh);
  const bytes = rows.take();
  for (const name of OUTPUT_NAMES) {
    if (bytes[name].length > 0) await insertNative(clickhouse.client, OUTPUTS[name], bytes[name]);
  }
}

function happen(...kinds: readonly TableOperation['kind'][]): void {
  for (const [index, kind] of kinds.entries()) {
    for (const series of [0, 1]) stream.apply({ kind, series, pick: index * 3, value: index * 5 });
  }
}

/** What checkpoints of this moment leave in the table. */
async function checkpoint(): Promise<void> {
  const states = [...partition.series].map(([series, state]) => [series, state.save()] as const);
  await clickhouse.client.insert({
    table: 'analyzer_state',
    format: 'JSONEachRow',
    values: [['', '{}'] as const, ...states].map(([series, state]) => ({
      topic: TOPIC,
      kafka_partition: PARTITION,
      series,
      kafka_offset: '1',
      version: '1',
      state,
      hash: '',
    })),
  });
}

async function read(partitions: readonly number[] = [PARTITION]): Promise<Map<string, unknown>> {
  const { client } = clickhouse;
  const found = await readNewest({ client, topic: TOPIC, producer: PRODUCER, partitions });
  return new Map([...found].map(([key, newest]) => [key, newest && plain(newest)]));
}

/** Deletes the candles of a series from an open time on. */
async function erase(series: Series, from = 0): Promise<void> {
  const known = stream.changes.filter(({ key }) => key === seriesKey(series));
  const openTimes = new Set(known.map(({ openTime }) => openTime).filter((time) => time >= from));
  let { version } = stream.changes.at(-1)!;
  for (const openTime of openTimes) {
    version += 1n;
    const place = { openTime, op: 'd', origin: 'stream', version } as const;
    stream.events.push({ ...known[0]!, ...place, values: null });
  }
  await analyse();
}

test('before the first checkpoint the ledger says which series there are', async () => {
  happen('next', 'next', 'revise', 'next', 'gap', 'next', 'revise_newest');
  await analyse();
  expect(told.size).toBe(2);
  expect(await read()).toEqual(told);
});

test('a checkpoint says where to look, and what came after it is found', async () => {
  happen('next', 'next', 'next');
  await analyse();
  await checkpoint();
  happen('gap', 'next', 'revise', 'late', 'next');
  await analyse();
  expect(await read()).toEqual(told);
});

test('where the candle of the checkpoint was deleted the one before is found', async () => {
  happen('next', 'next', 'gap');
  await analyse();
  await checkpoint();
  const [first] = [...partition.series];
  await erase(stream.changes[0]!.series, first![1].newest!.openTime);
  expect(told.get(first![0])).not.toBeNull();
  expect(await read()).toEqual(told);
});

test('one that was computed across a hole is found, and says so', async () => {
  happen('next', 'next', 'next', 'next', 'next');
  for (const series of [0, 1]) stream.apply({ kind: 'hole', series, pick: 4, value: 0 });
  happen('gap');
  await analyse();
  expect([...told.values()]).toMatchObject([
    { evaluation: { status: 'tainted' } },
    { evaluation: { status: 'tainted' } },
  ]);
  expect(await read()).toEqual(told);
});

test('a series whose candles are all gone has none', async () => {
  happen('next', 'next');
  await analyse();
  await checkpoint();
  await erase(stream.changes[0]!.series);
  expect([...told.values()].filter((newest) => newest === null)).toHaveLength(1);
  expect(await read()).toEqual(told);
});

test('only series of the partitions asked for are read', async () => {
  happen('next');
  await analyse();
  expect(await read([PARTITION + 1])).toEqual(new Map());
  await checkpoint();
  expect(await read([PARTITION + 1])).toEqual(new Map());
});

test('what another set or other rules say does not count', async () => {
  happen('next', 'next', 'next');
  await analyse();
  const { client } = clickhouse;
  for (const other of [{ featureSetVersion: 9 }, { ruleSetVersion: 9 }, { ruleSet: 'other' }]) {
    const producer = { ...PRODUCER, ...other };
    const found = await readNewest({ client, topic: TOPIC, producer, partitions: [PARTITION] });
    expect([...found.values()].map((newest) => newest?.row.evaluation)).toEqual([null, null]);
  }
});

test('a row that is not of the candle as it stands does not count', async () => {
  happen('next', 'next', 'next');
  await analyse();
  // The candle was revised, its features are not durable yet.
  await clickhouse.client.command({
    query: `insert into candles select * replace (version + 1 as version) from candles final`,
  });
  const found = await read();
  expect([...found.values()]).toMatchObject([{ evaluation: null }, { evaluation: null }]);
});

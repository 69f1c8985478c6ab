/**
 * What the analyzer tells others: features and signals in their topics, read as a stranger would read them,
 * by the ids that the messages carry. However late, revised, deleted or delivered again, what stands after
 * the last message is what ClickHouse holds.
 */
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { beforeAll, expect, test } from 'vitest';
import { avroType } from '../../connectors/contracts/contract.ts';
import { createRegistry } from '../../connectors/contracts/registry.ts';
import { unframed } from '../../connectors/contracts/wire.ts';
import { idempotencyKey } from '../../analyzer/sink/publish-rows.ts';
import { TOPIC_CANDLES, TOPIC_FEATURES, TOPIC_SIGNALS } from '#core/contracts/names.ts';
import { readRows } from '#platform/clickhouse.ts';
import { storeCandles } from '../support/market.ts';
import type { OwnProcess } from '../support/own-process.ts';
import { usePipeline } from '../support/pipeline.ts';
import { readTopic, type TopicMessage } from '../support/read-topic.ts';
import { rewindToBeginning } from '../support/replay.ts';
import { settle } from '../support/settle.ts';
import { ToldDecisions } from '../support/told-decisions.ts';
import { walkCandles } from '../support/walk.ts';

const pipeline = usePipeline({ expectedLogs: [/WICK_REGISTRY_UNREACHABLE/] });
const candles = ['WALK/USDT', 'TURN/USDT', 'LONG/USDT'].flatMap((symbol, seed) =>
  walkCandles(200, { symbol, seed: 31 + seed }),
);
let analyzer: OwnProcess;

beforeAll(async () => {
  await storeCandles(pipeline.pool, candles.slice(0, 300));
  await pipeline.activate();
  analyzer = await pipeline.startAnalyzer();
  await storeCandles(pipeline.pool, candles.slice(300));
  await settle(pipeline);
});

const Feature = Type.Object({
  exchange: Type.Literal('binance-futures'),
  market_type: Type.Literal('perp'),
  symbol: Type.String(),
  interval: Type.Literal('1m'),
  ts_event: Type.Integer(),
  ts_close: Type.Integer(),
  close: Type.Union([Type.String(), Type.Null()]),
  revision: Type.Union([Type.Integer(), Type.Null()]),
  feature_set: Type.Literal('core'),
  feature_set_version: Type.Literal(1),
  status: Type.String(),
  values: Type.Record(Type.String(), Type.Union([Type.Number(), Type.Null()])),
  candle_version: Type.String(),
  version: Type.String(),
});

/** Decodes by nothing but the registry. */
async function decoded(messages: readonly TopicMessage[]): Promise<readonly unknown[]> {
  const registry = createRegistry(pipeline.config.SCHEMA_REGISTRY_URL);
  const types = new Map<number, ReturnType<typeof avroType>>();
  const values: unknown[] = [];
  for (const { value } of messages) {
    const { schemaId, avro } = unframed(value);
    const type = types.get(schemaId) ?? avroType(await registry.schemaOf(schemaId));
    types.set(schemaId, type);
    values.push(type.fromBuffer(avro));
  }
  return values;
}

/** What a reader of the features topic holds for true, as `features` lists it. */
async function toldFeatures(): Promise<string[]> {
  const messages = await readTopic(pipeline, TOPIC_FEATURES);
  const standing = new Map<string, { version: bigint; text: string; isGone: boolean }>();
  for (const [index, each] of (await decoded(messages)).entries()) {
    const row = Value.Parse(Feature, each);
    const key = messages[index]!.key;
    const version = BigInt(row.version);
    if ((standing.get(key)?.version ?? 0n) > version) continue;
    const values = Object.values(row.values).map(String).join(',');
    const { symbol, ts_event: openTime, status, candle_version: candleVersion } = row;
    const text = `${symbol} ${openTime} ${status} ${candleVersion} ${version} ${values}`;
    standing.set(key, { version, text, isGone: status === 'retracted' });
  }
  return [...standing.values()]
    .filter(({ isGone }) => !isGone)
    .map(({ text }) => text)
    .sort();
}

async function storedFeatures(): Promise<string[]> {
  const rows = await readRows<{ head: string; values: (number | null)[] }>(
    pipeline.clickhouse,
    `select concatWithSeparator(' ', symbol, toString(toUnixTimestamp64Milli(open_time)), status,
              toString(candle_version), toString(version)) as head, values
     from features final`,
  );
  return rows.map(({ head, values }) => `${head} ${values.map(String).join(',')}`).sort();
}

async function toldDecisions(): Promise<Record<string, string>> {
  const told = new ToldDecisions();
  for (const message of await readTopic(pipeline, TOPIC_SIGNALS)) told.take(message);
  return told.standing();
}

async function storedDecisions(): Promise<Record<string, string>> {
  const rows = await readRows<{ place: string; decision: string }>(
    pipeline.clickhouse,
    `select concat(exchange, '|', market_type, '|', symbol, '|', interval, ' ',
              toString(toUnixTimestamp64Milli(open_time))) as place, decision
     from signals final where decision in ('Long', 'Short')`,
  );
  return Object.fromEntries(rows.map(({ place, decision }) => [place, decision]));
}

async function expectToldIsStored(): Promise<void> {
  await settle(pipeline);
  expect(await toldFeatures()).toEqual(await storedFeatures());
  const decisions = await toldDecisions();
  expect(decisions).toEqual(await storedDecisions());
  expect(Object.keys(decisions).length).toBeGreaterThan(20);
}

test('every row of features and every decision is told', async () => {
  await expectToldIsStored();
});

test('messages lie in the partition of their series, under the key of their candle', async () => {
  const partitions = new Map<string, number>();
  for (const { partition, value } of await readTopic(pipeline, TOPIC_CANDLES)) {
    const symbol = /"symbol":"([^"]+)","interval"/.exec(value.toString('utf8'))?.[1];
    if (symbol !== undefined) partitions.set(symbol, partition);
  }
  expect(new Set(partitions.values()).size).toBeGreaterThan(1);
  for (const topic of [TOPIC_FEATURES, TOPIC_SIGNALS]) {
    const messages = await readTopic(pipeline, topic);
    const rows = await decoded(messages);
    for (const [index, { partition, key }] of messages.entries()) {
      const row = Value.Parse(
        Type.Object({ symbol: Type.String(), ts_event: Type.Integer() }),
        rows[index],
      );
      expect(partition).toBe(partitions.get(row.symbol));
      const series = { ...candles[0]!, symbol: row.symbol };
      expect(key).toBe(idempotencyKey(series, row.ts_event));
    }
  }
});

test('a message says what the candle says, to the last digit', async () => {
  const { openTime, close, symbol } = candles[100]!;
  const rows = await decoded(await readTopic(pipeline, TOPIC_FEATURES));
  const row = rows.find(
    (each) => Value.Check(Feature, each) && each.symbol === symbol && each.ts_event === openTime,
  );
  expect(row).toMatchObject({
    close,
    revision: 0,
    ts_close: openTime + 60_000,
    status: 'active',
  });
});

test('late and revised candles and deleted ones end the decisions that hold no more', async () => {
  const before = await toldDecisions();
  const { pool } = pipeline;
  await storeCandles(
    pool,
    [70, 71, 110, 290, 330].map((index) => ({ ...candles[index]!, close: candles[index]!.high })),
  );
  await settle(pipeline);
  await pool.query('delete from market.candles where symbol = $1 and open_time between $2 and $3', [
    'TURN/USDT',
    new Date(candles[280]!.openTime),
    new Date(candles[285]!.openTime),
  ]);
  await expectToldIsStored();
  const after = await toldDecisions();
  expect(Object.keys(before).filter((place) => !(place in after)).length).toBeGreaterThan(0);
  expect(after).not.toEqual(before);
});

test('killed and sent everything again, it tells nothing new, and to the byte the same', async () => {
  const first = await readTopic(pipeline, TOPIC_FEATURES);
  await analyzer.kill();
  await rewindToBeginning(pipeline.admin);
  await pipeline.clickhouse.command({ query: 'truncate table analyzer_state' });
  await pipeline.redis.flushall();
  analyzer = await pipeline.startAnalyzer();
  await expectToldIsStored();
  const all = await readTopic(pipeline, TOPIC_FEATURES);
  expect(all.length).toBeGreaterThan(first.length + 400);
  // The candle that marks the end of settling is new; of the others no message is.
  const known = new Set(first.map(({ value }) => value.toString('hex')));
  const fresh = all
    .slice()
    .filter(({ value }) => !known.has(value.toString('hex')))
    .map(({ key }) => key);
  const streamed = new Set(
    candles.slice(300).map((candle) => idempotencyKey(candle, candle.openTime)),
  );
  expect(fresh.filter((key) => streamed.has(key))).toEqual([]);
});

test('it does not start while the registry is away, and tells nothing when it is told so', async () => {
  await analyzer.stop();
  const before = (await readTopic(pipeline, TOPIC_FEATURES)).length;
  await pipeline.engines.keeper.kill('registry');
  try {
    await expect(pipeline.startAnalyzer()).rejects.toThrow();
    analyzer = await pipeline.startAnalyzer({ ANALYZER_PUBLISH: 'off' });
    await settle(pipeline);
    expect(await readTopic(pipeline, TOPIC_FEATURES)).toHaveLength(before);
  } finally {
    await pipeline.engines.keeper.start('registry');
  }
});

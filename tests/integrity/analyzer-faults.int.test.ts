/**
 * What the analyzer does when a record cannot be read and when ClickHouse is away: nothing is lost,
 * nothing is skipped, and no offset is committed before its rows are durable.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import type { Candle } from '#core/candle.ts';
import { TOPIC_CANDLES, TOPIC_DLQ } from '#core/contracts/names.ts';
import { readRows } from '#platform/clickhouse.ts';
import { waitFor } from '../../local/stack/wait.ts';
import { storeCandles } from '../support/market.ts';
import type { OwnProcess } from '../support/own-process.ts';
import { usePipeline } from '../support/pipeline.ts';
import { committedOffsets } from '../support/replay.ts';
import { expectBothEndsEqual, settle } from '../support/settle.ts';
import { candleEvent, type TopicRecorder } from '../support/topic-recorder.ts';
import { walkCandles } from '../support/walk.ts';

const pipeline = usePipeline({
  expectedLogs: [
    /records parked in the dead letter topic/,
    // While ClickHouse is away.
    /insert failed; trying again/,
    /checkpoint not written/,
    /ClickHouse refused a batch \d+ times/,
    /ECONNREFUSED|ECONNRESET|socket hang up/,
  ],
});

const SYMBOL = 'FAULT/USDT';
const candles = walkCandles(160, { symbol: SYMBOL, seed: 5 });
let topic: TopicRecorder;
let analyzer: OwnProcess;

beforeAll(async () => {
  await storeCandles(pipeline.pool, candles.slice(0, 60));
  await pipeline.activate();
  topic = await pipeline.record(TOPIC_CANDLES);
  analyzer = await pipeline.startAnalyzer();
  await settle(pipeline);
});

const partition = (): number => candleEvent(topic.records[0]!).partition;

describe('a record that cannot be read', () => {
  test('is parked as it is, with its reason, and its partition goes on', async () => {
    const parked = await pipeline.record(TOPIC_DLQ);
    const good = topic.records.find(({ value }) => value !== null)!;
    const envelope: unknown = JSON.parse(good.value!);
    const changed = (pattern: string | RegExp, by: string): string =>
      JSON.stringify(envelope).replace(pattern, by);
    const poison: readonly { value: string | Buffer; reason: RegExp }[] = [
      { value: 'not json', reason: /not JSON/ },
      { value: Buffer.from([0x00, 0xff, 0xfe, 0x80]), reason: /not JSON/ },
      { value: '', reason: /not JSON/ },
      { value: '{}', reason: /not a candle envelope/ },
      { value: changed(/"open":"[^"]+"/, '"open":"1e400"'), reason: /open "1e400"/ },
      { value: changed(/"open":"[^"]+"/, '"open":12.5'), reason: /open/ },
      { value: changed(/"close":"[^"]+"/, '"close":"0.0000000000000000001"'), reason: /close/ },
      { value: changed(/"interval":"1m"/g, '"interval":"7m"'), reason: /interval "7m"/ },
      { value: changed('"op":"r"', '"op":"t"'), reason: /op "t"/ },
      { value: changed(/"sequence":"[^}]*?\]"/, '"sequence":"[]"'), reason: /sequence/ },
    ];
    const key = Buffer.from('poison');
    const producer = pipeline.kafka.producer({ allowAutoTopicCreation: false });
    await producer.connect();
    await producer.send({
      topic: TOPIC_CANDLES,
      messages: poison.map(({ value }) => ({ key, value, partition: partition() })),
    });
    await producer.disconnect();
    await storeCandles(pipeline.pool, candles.slice(60, 80));
    await settle(pipeline);

    await parked.until('all of it parked', (records) => records.length >= poison.length);
    expect(parked.records).toHaveLength(poison.length);
    for (const [index, { value, reason }] of poison.entries()) {
      const letter = parked.records[index]!;
      expect(letter.value).toBe(Buffer.from(value).toString('utf8'));
      expect(letter.key).toBe('poison');
      expect(letter.headers['wick.reason']).toMatch(reason);
      expect(letter.headers).toMatchObject({
        'wick.topic': TOPIC_CANDLES,
        'wick.partition': String(partition()),
        'wick.offset': expect.stringMatching(/^\d+$/),
      });
    }
  });

  test('is not parked again when its partition goes on after a restart', async () => {
    await analyzer.stop();
    analyzer = await pipeline.startAnalyzer();
    await settle(pipeline);
    const parked = await pipeline.record(TOPIC_DLQ);
    await parked.until('the letters', (records) => records.length >= 10);
    expect(parked.records).toHaveLength(10);
  });
});

/** Lag of the topic behind what is committed, of one partition. */
async function uncommitted(): Promise<bigint> {
  const offsets = await pipeline.admin.fetchTopicOffsets(TOPIC_CANDLES);
  const high = offsets.find((entry) => entry.partition === partition())?.high ?? '0';
  return BigInt(high) - ((await committedOffsets(pipeline.admin)).get(partition()) ?? 0n);
}

async function storedCandles(): Promise<number> {
  const rows = await readRows<{ n: string }>(
    pipeline.clickhouse,
    'select count() as n from candles final where symbol = {symbol:String}',
    { symbol: SYMBOL },
  );
  return Number(rows[0]?.n);
}

async function logged(part: string, times = 1): Promise<void> {
  const said = async (): Promise<boolean> => (await analyzer.readLog()).split(part).length > times;
  await waitFor(said, { what: `"${part}" in the log`, timeoutMs: 40_000 });
}

describe('while ClickHouse is away', () => {
  const append = async (part: readonly Candle[]): Promise<void> => {
    const before = topic.records.length;
    await storeCandles(pipeline.pool, part);
    await topic.until('them in the topic', (records) => records.length >= before + part.length);
  };

  test('no offset is committed, and a short absence needs nobody', async () => {
    // A partition is restored when its first batch arrives.
    await append(candles.slice(80, 85));
    await settle(pipeline);
    const before = await committedOffsets(pipeline.admin);
    await pipeline.engines.keeper.stop('clickhouse');
    await append(candles.slice(85, 100));
    await logged('insert failed; trying again', 2);
    expect(await committedOffsets(pipeline.admin)).toEqual(before);
    expect(await uncommitted()).toBe(15n);
    await pipeline.engines.keeper.start('clickhouse');
    await expectBothEndsEqual(pipeline);
    expect(await storedCandles()).toBe(100);
  });

  test('an analyzer that gives up has committed nothing, and the next one catches up', async () => {
    const before = await committedOffsets(pipeline.admin);
    await pipeline.engines.keeper.stop('clickhouse');
    await append(candles.slice(100, 130));
    const { code } = await analyzer.ended();
    expect(code).toBe(1);
    await append(candles.slice(130));
    expect(await committedOffsets(pipeline.admin)).toEqual(before);
    expect(await uncommitted()).toBe(60n);
    await pipeline.engines.keeper.start('clickhouse');
    analyzer = await pipeline.startAnalyzer();
    await expectBothEndsEqual(pipeline);
    expect(await storedCandles()).toBe(160);
  });
});

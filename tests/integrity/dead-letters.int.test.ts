/**
 * Poison of each kind through the real analyzer: the partition goes on behind it, each bad record is one
 * letter that holds it to the byte, and `wick dlq` shows it, sends it back and marks it, each once.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TOPIC_CANDLES, TOPIC_DLQ } from '#core/contracts/names.ts';
import { readRows } from '#platform/clickhouse.ts';
import type { Producer } from '#platform/kafka.ts';
import { encodeLetter, type Letter } from '../../connectors/letter.ts';
import { waitFor } from '../../local/stack/wait.ts';
import { bytesOf, runLetterCommand, type Listed, type Told } from '../support/letter-command.ts';
import { storeCandles } from '../support/market.ts';
import type { OwnProcess } from '../support/own-process.ts';
import { usePipeline } from '../support/pipeline.ts';
import { expectBothEndsEqual, settle, untilConsumed } from '../support/settle.ts';
import { candleEvent, type TopicRecord, type TopicRecorder } from '../support/topic-recorder.ts';
import { walkCandles } from '../support/walk.ts';

const pipeline = usePipeline({
  expectedLogs: [
    /records parked in the dead letter topic/,
    // One test has the analyzer stop.
    /ANALYZER_POISON is .{0,2}stop/,
    // Records are taken out of the topic, so that only their letters are left.
    /records are gone from the topic/,
    /Offset out of range, resetting to default offset/,
    /requested offset is not within the range/,
  ],
});

const SYMBOL = 'POISON/USDT';
const candles = walkCandles(120, { symbol: SYMBOL, seed: 11 });
let topic: TopicRecorder;
let analyzer: OwnProcess;
let producer: Producer;

beforeAll(async () => {
  await storeCandles(pipeline.pool, candles.slice(0, 60));
  await pipeline.activate();
  topic = await pipeline.record(TOPIC_CANDLES);
  analyzer = await pipeline.startAnalyzer();
  await settle(pipeline);
  producer = pipeline.kafka.producer({ allowAutoTopicCreation: false });
  await producer.connect();
});

afterAll(() => producer.disconnect());

const good = (): TopicRecord =>
  topic.records.find(({ key, value }) => value !== null && key?.includes(SYMBOL) === true)!;
const partition = (): number => candleEvent(good()).partition;
const changed = (pattern: string | RegExp, by: string): Buffer => {
  const value = good().value!;
  const other = value.replace(pattern, by);
  if (other === value) throw new Error(`a candle has no ${String(pattern)}`);
  return Buffer.from(other);
};

const wick = (...args: readonly string[]) => runLetterCommand(pipeline.config, ...args);

const listed = async (...args: readonly string[]): Promise<Listed> =>
  (await wick('list', '--limit', '1000', ...args)).json;
/** Those that wait, oldest first. */
const waiting = async (): Promise<Told[]> =>
  (await listed()).letters.filter(({ status }) => status === 'waiting').toReversed();

async function stored(openTime: number): Promise<number> {
  const rows = await readRows<{ n: string }>(
    pipeline.clickhouse,
    `select count() as n from candles final
     where symbol = {symbol:String} and toUnixTimestamp64Milli(open_time) = {openTime:Int64}`,
    { symbol: SYMBOL, openTime },
  );
  return Number(rows[0]?.n);
}

const KEY = Buffer.from('poison');
const LARGE_BYTES = 20_000_000;
const NOT_JSON = /^not JSON/;

interface Poison {
  readonly name: string;
  readonly key?: Buffer | null;
  readonly value: Buffer;
  readonly headers?: Record<string, string>;
  readonly code: string;
  readonly reason: RegExp;
}

const poison = (): readonly Poison[] => [
  { name: 'no JSON', value: Buffer.from('not json'), code: 'not_json', reason: NOT_JSON },
  { name: 'Avro', value: Buffer.from([0, 0, 0, 0, 7, 2, 4]), code: 'not_json', reason: NOT_JSON },
  { name: 'no text', value: Buffer.from([0xff, 0xfe, 0x80]), code: 'not_json', reason: NOT_JSON },
  { name: 'no key', key: null, value: Buffer.from('{'), code: 'not_json', reason: NOT_JSON },
  { name: 'no bytes', value: Buffer.alloc(0), code: 'not_json', reason: NOT_JSON },
  {
    name: 'headers',
    value: Buffer.from('[]'),
    headers: { trace: 'abc', constructor: 'x', 'wick.letter': 'forged\u0000' },
    code: 'wrong_shape',
    reason: /^not a candle envelope/,
  },
  {
    name: 'an unknown op',
    value: changed('"op":"r"', '"op":"x"'),
    code: 'bad_value',
    reason: /op "x"/,
  },
  {
    name: 'a truncated table',
    value: changed('"op":"r"', '"op":"t"'),
    code: 'truncated',
    reason: /^op "t": a table was truncated/,
  },
  {
    name: 'JSON with its schema',
    value: Buffer.from(`{"schema":{},"payload":${good().value}}`),
    code: 'wrong_shape',
    reason: /^not a candle envelope/,
  },
  ...['NaN', '1e400', `${'9'.repeat(21)}.5`].map((price) => ({
    name: `a price of ${price}`,
    value: changed(/"open":"[^"]+"/, `"open":"${price}"`),
    code: 'bad_value',
    reason: new RegExp(`^open "${price}"`),
  })),
  {
    name: 'another table',
    value: changed('"table":"candles"', '"table":"orders"'),
    code: 'unknown_table',
    reason: /^table "orders" is unknown/,
  },
  {
    name: 'an op of 20 MB',
    value: changed('"op":"r"', `"op":"${'t'.repeat(LARGE_BYTES)}"`),
    code: 'bad_value',
    reason: /^op "t{900,1000}…$/,
  },
];

describe('poison of each kind', () => {
  let kinds: readonly Poison[];
  let letters: readonly Told[];

  beforeAll(async () => {
    kinds = poison();
    for (const { key = KEY, value, headers = {} } of kinds) {
      const message = { key, value, headers, partition: partition() };
      await producer.send({ topic: TOPIC_CANDLES, messages: [message] });
    }
    await producer.send({
      topic: TOPIC_CANDLES,
      messages: [
        { key: KEY, value: null, partition: partition() },
        // Delivered again, and whoever sent it forgot the key: all that counts is in the value.
        { key: null, value: good().value, partition: partition() },
      ],
    });
    await storeCandles(pipeline.pool, candles.slice(60, 80));
    await settle(pipeline);
    letters = await waiting();
  });

  test('lets its partition go on', async () => {
    expect(await stored(candles[79]!.openTime)).toBe(1);
    await expectBothEndsEqual(pipeline);
  });

  test('makes one letter a bad record, with its code and reason, and none of what is not bad', () => {
    expect(letters).toHaveLength(kinds.length);
    for (const [at, { code, reason, name }] of kinds.entries()) {
      expect(letters[at], name).toMatchObject({ code, attempts: 0, ancestor: null });
      expect(letters[at]?.reason, name).toMatch(reason);
      expect(letters[at]?.by).toMatch(/^analyzer \d/);
      expect(letters[at]?.origin.partition).toBe(partition());
    }
  });

  test('is kept to the byte', async () => {
    for (const [at, { key = KEY, value, name }] of kinds.entries()) {
      const { json, code } = await wick('show', letters[at]!.id);
      expect(code, name).toBe(0);
      expect(bytesOf(json.value)?.equals(value), name).toBe(true);
      expect(bytesOf(json.key), name).toEqual(key);
      if (name === 'headers') {
        const headers = json.headers.map((header) => [header.name, header.content]);
        expect(headers).toEqual([
          ['trace', 'abc'],
          ['constructor', 'x'],
        ]);
      }
    }
  }, 120_000);

  test('is cut into parts where it is large, and told with its stack where there is one', async () => {
    expect(letters.at(-1)).toMatchObject({ parts: Math.ceil(LARGE_BYTES / 900_000) });
    const { json } = await wick('show', letters[0]!.id);
    expect(json.stack).toMatch(/SyntaxError.*\n\s+at /s);
  });

  test('is listed newest first, by reason and by time', async () => {
    const all = await listed();
    expect(all.count).toBe(kinds.length);
    expect(Object.fromEntries(all.reasons.map(({ code, letters: n }) => [code, n]))).toEqual({
      bad_value: 5,
      not_json: 5,
      wrong_shape: 2,
      truncated: 1,
      unknown_table: 1,
    });
    expect(all.reasons.map(({ letters: n }) => n)).toEqual([5, 5, 2, 1, 1]);
    expect(all.letters[0]?.id).toBe(letters.at(-1)!.id);
    expect((await listed('--reason', 'not_json')).count).toBe(5);
    expect((await listed('--reason', '1E400')).count).toBe(1);
    expect((await listed('--from', '2090-01-01')).count).toBe(0);
    expect((await listed('--to', '2090-01-01')).count).toBe(kinds.length);
  });

  test('is parked again when it is redriven, as a new letter that names its ancestor', async () => {
    const before = await listed();
    const ids = [letters[0]!.id, letters.at(-1)!.id];
    const dry = await wick('redrive', ...ids, '--dry-run');
    expect(dry.json.letters.map(({ outcome }) => outcome)).toEqual(['sent', 'sent']);
    expect(await listed()).toEqual(before);
    const done = await wick('redrive', ...ids);
    expect(done).toMatchObject({ code: 0 });
    await untilLetters(before.count + 2);
    const again = (await listed()).letters.slice(0, 2).toReversed();
    for (const [at, letter] of again.entries()) {
      expect(letter).toMatchObject({ ancestor: ids[at], attempts: 1, status: 'waiting' });
      const { value } = at === 0 ? kinds[0]! : kinds.at(-1)!;
      const { json } = await wick('show', letter.id);
      expect(bytesOf(json.value)?.equals(value)).toBe(true);
    }
    const old = (await listed()).letters.filter(({ id }) => ids.includes(id));
    expect(old.map(({ status }) => status)).toEqual(['redriven', 'redriven']);
  }, 120_000);

  test('is not redriven twice unless it is asked for', async () => {
    const { id } = letters[0]!;
    const { count } = await listed();
    const twice = await wick('redrive', id);
    expect(twice.json).toMatchObject({ letters: [], passed: 1 });
    const again = await wick('redrive', id, '--again');
    expect(again.json.letters).toMatchObject([{ id, outcome: 'sent' }]);
    await untilLetters(count + 1);
  }, 60_000);

  test('is dropped by a mark that keeps its bytes, when somebody is sure', async () => {
    const unsure = await wick('drop', '--reason', 'not_json');
    expect(unsure).toMatchObject({ code: 2, json: { error: { code: 'WICK_USAGE' } } });
    const { id } = letters[1]!;
    expect((await wick('drop', id, '--yes')).json.letters).toHaveLength(1);
    const { json } = await wick('show', id);
    expect(json.status).toBe('dropped');
    expect(bytesOf(json.value)?.equals(kinds[1]!.value)).toBe(true);
    expect((await wick('redrive', '--reason', 'no such reason')).json).toMatchObject({
      letters: [],
    });
    await wick('drop', '--yes');
    expect(await waiting()).toEqual([]);
  }, 60_000);

  test('is read without leaving a group behind', async () => {
    const { groups } = await pipeline.admin.listGroups();
    expect(groups.filter(({ groupId }) => groupId.startsWith('wick-reader'))).toEqual([]);
  }, 60_000);
});

async function untilLetters(count: number): Promise<void> {
  const there = async (): Promise<boolean> => (await listed()).count >= count;
  await waitFor(there, { what: `${count} letters`, timeoutMs: 40_000, intervalMs: 500 });
}

/** A letter of a record that an older decoder could not read, and today's can. */
async function parkGood(record: TopicRecord, offset: string): Promise<void> {
  const letter: Letter = {
    record: {
      topic: TOPIC_CANDLES,
      partition: record.partition,
      offset,
      timestamp: null,
      key: Buffer.from(record.key!),
      value: Buffer.from(record.value!),
      headers: [],
    },
    code: 'wrong_shape',
    reason: 'a field that this decoder does not know',
    stack: null,
    by: 'test 1',
    ancestor: null,
    attempts: 0,
  };
  await producer.send({ topic: TOPIC_DLQ, messages: encodeLetter(letter) });
}

describe('a letter whose record can be read by now', () => {
  /** The change of a candle that nobody has analysed, with what Postgres says of it. */
  async function missed(at: number): Promise<TopicRecord> {
    const openTime = new Date(candles[at]!.openTime).toISOString();
    const found = (): TopicRecord | undefined =>
      topic.records.find(
        ({ key, value }) =>
          value !== null && key?.includes(SYMBOL) === true && key.includes(openTime.slice(0, 19)),
      );
    await topic.until('the change', () => found() !== undefined);
    return found()!;
  }

  test('ends in ClickHouse when it is redriven', async () => {
    await analyzer.stop();
    await storeCandles(pipeline.pool, [candles[80]!]);
    const record = await missed(80);
    await takeAway();
    analyzer = await pipeline.startAnalyzer();
    await parkGood(record, '9000000001');
    expect(await stored(candles[80]!.openTime)).toBe(0);
    const { code, json } = await wick('redrive');
    expect({ code, letters: json.letters }).toMatchObject({
      code: 0,
      letters: [{ outcome: 'sent' }],
    });
    await untilConsumed(pipeline);
    await expectBothEndsEqual(pipeline);
    expect(await stored(candles[80]!.openTime)).toBe(1);
  }, 120_000);

  test('is sent by Postgres when its series went on without it', async () => {
    await analyzer.stop();
    await storeCandles(pipeline.pool, [candles[81]!]);
    const record = await missed(81);
    await takeAway();
    analyzer = await pipeline.startAnalyzer();
    await storeCandles(pipeline.pool, candles.slice(82, 90));
    await settle(pipeline);
    await parkGood(record, '9000000002');
    expect(await stored(candles[81]!.openTime)).toBe(0);
    const { code, json } = await wick('redrive');
    expect({ code, letters: json.letters }).toMatchObject({
      code: 0,
      letters: [{ outcome: 'resent' }],
    });
    const there = async (): Promise<boolean> => (await stored(candles[81]!.openTime)) === 1;
    await waitFor(there, { what: 'the candle in ClickHouse', timeoutMs: 40_000 });
    await expectBothEndsEqual(pipeline);
    expect(await waiting()).toEqual([]);
  }, 120_000);

  /** Takes from the topic what nobody has analysed yet, as if it had been parked. */
  async function takeAway(): Promise<void> {
    const ends = await pipeline.admin.fetchTopicOffsets(TOPIC_CANDLES);
    const { high } = ends.find((end) => end.partition === partition())!;
    await pipeline.admin.deleteTopicRecords({
      topic: TOPIC_CANDLES,
      partitions: [{ partition: partition(), offset: high }],
    });
  }
});

test('an analyzer that is told to stop ends at a poison, and the next one parks it', async () => {
  await analyzer.stop();
  analyzer = await pipeline.startAnalyzer({ ANALYZER_POISON: 'stop' });
  const { count } = await listed();
  await producer.send({
    topic: TOPIC_CANDLES,
    messages: [{ key: KEY, value: 'poison', partition: partition() }],
  });
  expect(await analyzer.ended()).toMatchObject({ code: 1 });
  expect(await analyzer.readLog()).toMatch(/cannot be read \(not JSON.*ANALYZER_POISON is .*stop/);
  await storeCandles(pipeline.pool, candles.slice(90));
  expect((await listed()).count).toBe(count);
  analyzer = await pipeline.startAnalyzer();
  await expectBothEndsEqual(pipeline);
  expect((await listed()).count).toBe(count + 1);
}, 120_000);

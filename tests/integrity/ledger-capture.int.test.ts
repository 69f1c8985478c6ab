/**
 * Gaps and funding rates leave Postgres in the topic and partition of their series, in commit order
 * with its candles; and they do so too where a connector ran before there were such tables. The
 * analyzer stores them as they are in Postgres, however often they are delivered.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { TOPIC_CANDLES, TOPIC_CDC_NOTIFICATIONS, TOPIC_DLQ } from '#core/contracts/names.ts';
import { readRows } from '#platform/clickhouse.ts';
import { parseVersion } from '../../connectors/index.ts';
import { testCandle, testCandles } from '../support/candles.ts';
import { storeCandles } from '../support/market.ts';
import type { OwnProcess } from '../support/own-process.ts';
import { usePipeline } from '../support/pipeline.ts';
import { rewindToBeginning } from '../support/replay.ts';
import { expectBothEndsEqual, settle } from '../support/settle.ts';
import type { TopicRecorder } from '../support/topic-recorder.ts';

const pipeline = usePipeline({ expectedLogs: [/parked in the dead letter topic/] });

/** What the connector file said before there were gaps and funding rates. */
const BEFORE = {
  'table.include.list': 'market.candles',
  'snapshot.select.statement.overrides': 'market.candles',
  'snapshot.select.statement.overrides.market.gaps': undefined,
  'snapshot.select.statement.overrides.market.funding_rates': undefined,
  'snapshot.select.statement.overrides.market.anchors': undefined,
  transforms: 'partitionBySeries',
  'transforms.rideWithCandles.type': undefined,
  'transforms.rideWithCandles.topic.regex': undefined,
  'transforms.rideWithCandles.topic.replacement': undefined,
  'transforms.rideWithCandles.key.enforce.uniqueness': undefined,
};

const SERIES_COUNT = 24;
const SYMBOLS = Array.from({ length: SERIES_COUNT }, (_, index) => `RIDE${index}/USDT`);

const Row = Type.Object({ symbol: Type.String(), interval: Type.String() });
const Event = Type.Object({
  op: Type.String(),
  before: Type.Union([Row, Type.Null()]),
  after: Type.Union([Row, Type.Null()]),
  source: Type.Object({
    table: Type.String(),
    sequence: Type.String(),
    snapshot: Type.String(),
  }),
});
interface LedgerEvent extends Static<typeof Event> {
  readonly partition: number;
  readonly version: bigint;
  readonly symbol: string;
  readonly key: string;
}

let topic: TopicRecorder;
let notes: TopicRecorder;

function eventsOf(symbol: string): LedgerEvent[] {
  return topic.records
    .map(({ value, key, partition }) => {
      const event = Value.Parse(Event, JSON.parse(value ?? 'null'));
      const row = event.after ?? event.before;
      const version = parseVersion(event.source.sequence);
      return { ...event, partition, version, symbol: row?.symbol ?? '', key: key ?? '' };
    })
    .filter((event) => event.symbol === symbol);
}

async function arrived(symbol: string, count: number): Promise<LedgerEvent[]> {
  await topic.until(`${count} changes of ${symbol}`, () => eventsOf(symbol).length >= count);
  return eventsOf(symbol);
}

async function writeGap(symbol: string, from = '2025-06-01T00:05Z'): Promise<void> {
  await pipeline.pool.query(
    `insert into market.gaps
       (exchange, market_type, symbol, interval, gap_from, gap_to, candles, cause, first_seen_at)
     values ('binance-futures', 'perp', $1::text, '1m', $2::timestamptz,
             $2::timestamptz + interval '5 minutes', 5, 'missing', '2025-06-01T01:00Z')`,
    [symbol, from],
  );
}

async function writeFunding(symbol: string, at = '2025-06-01T00:00:00.004Z'): Promise<void> {
  await pipeline.pool.query(
    `insert into market.funding_rates
       (exchange, market_type, symbol, interval, funding_time, rate, observed_at, source)
     values ('binance-futures', 'perp', $1::text, '1m', $2::timestamptz, -0.0001,
             '2025-06-01T01:00Z', 'rest')`,
    [symbol, at],
  );
}

beforeAll(async () => {
  await storeCandles(pipeline.pool, testCandles(3, { symbol: 'OLD/USDT' }));
  await pipeline.activate({ config: BEFORE });
  topic = await pipeline.record(TOPIC_CANDLES);
  notes = await pipeline.record(TOPIC_CDC_NOTIFICATIONS);
  await arrived('OLD/USDT', 3);
  // Written before the connector knows of the table: not its business, and never sent by itself.
  await writeGap('OLD/USDT');
  await storeCandles(pipeline.pool, [testCandle({ symbol: 'OLD-END/USDT' })]);
  await arrived('OLD-END/USDT', 1);
  await pipeline.activate();
});

test('a connector that ran before takes them on, and sends what is written from then on', async () => {
  await writeGap('OLD/USDT', '2025-06-01T02:00Z');
  const events = await arrived('OLD/USDT', 4);
  expect(events.map(({ source }) => source.table)).toEqual([
    'candles',
    'candles',
    'candles',
    'gaps',
  ]);
  expect(events.at(-1)?.key).toContain('2025-06-01T02:00:00');
  expect(new Set(events.map(({ partition }) => partition)).size).toBe(1);
});

test('what was written before is sent by an incremental snapshot of the table', async () => {
  const id = 'take-on-gaps';
  await pipeline.pool.query(
    `insert into market.cdc_signal (id, type, data) values ($1, 'execute-snapshot', $2)`,
    [
      id,
      JSON.stringify({
        type: 'incremental',
        'data-collections': ['market.gaps', 'market.anchors'],
      }),
    ],
  );
  await notes.until('the end of it', (records) =>
    records.some(({ value }) => value?.includes(`"${id}"`) && value.includes('"COMPLETED"')),
  );
  const events = await arrived('OLD/USDT', 6);
  const again = events.filter(({ source }) => source.snapshot === 'incremental');
  expect(again.map(({ key }) => key.slice(-33))).toEqual([
    expect.stringContaining('00:05:00'),
    expect.stringContaining('02:00:00'),
  ]);
  expect(new Set(events.map(({ partition }) => partition)).size).toBe(1);
});

test('rows of the three tables arrive in commit order, each series in one partition', async () => {
  for (const symbol of SYMBOLS) {
    await storeCandles(pipeline.pool, testCandles(2, { symbol }));
    await writeGap(symbol);
    await writeFunding(symbol);
    await pipeline.pool.query(
      `update market.gaps set cause = 'repaired', resolved_at = now() where symbol = $1`,
      [symbol],
    );
    await storeCandles(pipeline.pool, [testCandles(3, { symbol })[2]!]);
    await pipeline.pool.query('delete from market.gaps where symbol = $1', [symbol]);
    await pipeline.pool.query('delete from market.funding_rates where symbol = $1', [symbol]);
    await pipeline.pool.query('delete from market.candles where symbol = $1', [symbol]);
  }
  const partitions = new Set<number>();
  for (const symbol of SYMBOLS) {
    const events = await arrived(symbol, 11);
    expect(events.map(({ op, source }) => `${op} ${source.table}`)).toEqual([
      'c candles',
      'c candles',
      'c gaps',
      'c funding_rates',
      'u gaps',
      'c candles',
      'd gaps',
      'd funding_rates',
      'd candles',
      'd candles',
      'd candles',
    ]);
    expect(new Set(events.map(({ partition }) => partition)).size).toBe(1);
    const versions = events.map(({ version }) => version);
    expect(versions.every((version, at) => at === 0 || versions[at - 1]! < version)).toBe(true);
    partitions.add(events[0]!.partition);
  }
  expect(partitions.size).toBeGreaterThan(6);
});

test('no topic of their own is made', async () => {
  const topics = await pipeline.admin.listTopics();
  expect(topics.filter((name) => /gaps|funding/.test(name))).toEqual([]);
});

describe('the analyzer', () => {
  const GAPS = `
    select symbol, gap_from, gap_to, candles, cause, attempts, empty_answers, first_seen_at,
           last_checked_at, resolved_at, detail
    from TABLE order by symbol, gap_from`;
  const FUNDING = `
    select symbol, interval, funding_time, rate, mark_price, premium, observed_at, source
    from TABLE order by symbol, funding_time`;
  let analyzer: OwnProcess;

  /** As text in one form: ClickHouse spells times and large integers in ways of its own. */
  const plain = (rows: readonly Record<string, unknown>[]): string[] =>
    rows.map((row) =>
      Object.values(row)
        .map((value) => (typeof value === 'number' ? String(value) : value))
        .map((value) =>
          typeof value === 'string' && /^\d{4}-\d\d-\d\dT.*Z$/.test(value)
            ? String(Date.parse(value))
            : String(value)
                .replace(/(\.\d*?)0+$/, '$1')
                .replace(/\.$/, ''),
        )
        .join(' '),
    );

  async function expectSame(): Promise<void> {
    await settle(pipeline);
    for (const [sql, table, view] of [
      [GAPS, 'market.gaps', 'v_gaps'],
      [FUNDING, 'market.funding_rates', 'v_funding_rates'],
    ] as const) {
      const postgres = await pipeline.pool.query<Record<string, unknown>>(
        sql.replace('TABLE', table),
      );
      const stored = await readRows<Record<string, unknown>>(
        pipeline.clickhouse,
        sql.replace('TABLE', view),
      );
      expect(postgres.rows.length).toBeGreaterThan(1);
      expect(plain(stored)).toEqual(plain(postgres.rows));
    }
  }

  beforeAll(async () => {
    analyzer = await pipeline.startAnalyzer();
  });

  test('stores gaps and payments as they are, and forgets deleted ones', async () => {
    await writeGap('KEPT/USDT');
    await writeFunding('KEPT/USDT');
    await writeFunding('KEPT/USDT', '2025-06-01T08:00Z');
    await pipeline.pool.query(
      `update market.gaps set cause = 'venue_empty', attempts = 2, empty_answers = 2,
         resolved_at = '2025-06-02T00:00:00.5Z', detail = 'asked 2 times' where symbol = 'KEPT/USDT'`,
    );
    await writeGap('GONE/USDT');
    await pipeline.pool.query(`delete from market.gaps where symbol = 'GONE/USDT'`);
    await expectSame();
  });

  test('changes nothing when all of it is delivered again', async () => {
    await analyzer.stop();
    await rewindToBeginning(pipeline.admin);
    await pipeline.clickhouse.command({ query: 'truncate table analyzer_state' });
    await pipeline.redis.flushall();
    analyzer = await pipeline.startAnalyzer();
    await expectSame();
    await expectBothEndsEqual(pipeline);
  });

  test('parks a row of a table that it does not know', async () => {
    const parked = await pipeline.record(TOPIC_DLQ);
    const gap = topic.records.find(({ value }) => value?.includes('"table":"gaps"'))!;
    const producer = pipeline.kafka.producer({ allowAutoTopicCreation: false });
    await producer.connect();
    await producer.send({
      topic: TOPIC_CANDLES,
      messages: [{ key: gap.key, value: gap.value!.replace('"table":"gaps"', '"table":"orders"') }],
    });
    await producer.disconnect();
    await settle(pipeline);
    await parked.until('the letter', (records) => records.length > 0);
    expect(parked.records[0]?.headers['wick.reason']).toBe('table "orders" is unknown');
  });
});

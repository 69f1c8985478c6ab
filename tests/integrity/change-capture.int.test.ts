/**
 * What the connector, exactly as pg-connector.json says, makes of changes in Postgres. Everything the
 * analyzer relies on and cannot check: order, partitions, versions, exact numbers, deletes.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import type { Candle } from '#core/candle.ts';
import { TOPIC_CANDLES } from '#core/contracts/names.ts';
import { decimal } from '#core/decimal.ts';
import { epochMs } from '#core/time.ts';
import { testCandle, testCandles } from '../support/candles.ts';
import { storeCandles, writeCandles } from '../support/market.ts';
import { usePipeline } from '../support/pipeline.ts';
import {
  candleEvent,
  eventsOf,
  type CandleEvent,
  type TopicRecorder,
} from '../support/topic-recorder.ts';
import { waitFor } from '../../local/stack/wait.ts';

const pipeline = usePipeline();

const SNAPSHOT_ROWS = 300;
const SNAPSHOT_SYMBOLS = [
  'SNAP-A/USDT',
  'SNAP-B/USDT',
  'SNAP-C/USDT',
  'SNAP-D/USDT',
  'SNAP-E/USDT',
];
let topic: TopicRecorder;

beforeAll(async () => {
  // Stored in another order than the snapshot must have, and interleaved.
  const rows = SNAPSHOT_SYMBOLS.flatMap((symbol) => testCandles(SNAPSHOT_ROWS, { symbol }));
  for (let from = 0; from < 7; from += 1) {
    await storeCandles(pipeline.pool, rows.filter((_, index) => index % 7 === from).reverse());
  }
  await pipeline.activate();
  topic = await pipeline.record(TOPIC_CANDLES);
});

/** The events of a symbol once there are as many. */
async function changesOf(symbol: string, count: number): Promise<CandleEvent[]> {
  const has = (): boolean => eventsOf(topic.records, symbol).length >= count;
  await topic.until(`${count} changes of ${symbol}`, has);
  return eventsOf(topic.records, symbol);
}

const openTimes = (events: readonly CandleEvent[]): number[] =>
  events.map(({ key }) => Date.parse(key.open_time));

function ascending(values: readonly (number | bigint)[]): boolean {
  return values.every((value, index) => index === 0 || values[index - 1]! < value);
}

describe('the first snapshot', () => {
  test.each(SNAPSHOT_SYMBOLS)(
    'sends %s whole, oldest candle first, to one partition',
    async (symbol) => {
      const events = await changesOf(symbol, SNAPSHOT_ROWS);
      expect(events).toHaveLength(SNAPSHOT_ROWS);
      expect(ascending(openTimes(events))).toBe(true);
      expect(new Set(events.map(({ partition }) => partition)).size).toBe(1);
      expect(new Set(events.map(({ op }) => op))).toEqual(new Set(['r']));
    },
  );

  test('keeps the order of each partition, series after series', async () => {
    await changesOf(SNAPSHOT_SYMBOLS.at(-1)!, SNAPSHOT_ROWS);
    const byPartition = Map.groupBy(topic.records.map(candleEvent), ({ partition }) => partition);
    for (const events of byPartition.values()) {
      const snapshot = events.filter(({ op }) => op === 'r');
      const keys = snapshot.map(({ key }) => `${key.symbol} ${key.open_time}`);
      expect(keys).toEqual([...keys].sort());
    }
  });

  test('lies below everything streamed', async () => {
    const symbol = SNAPSHOT_SYMBOLS[0]!;
    const snapshot = await changesOf(symbol, SNAPSHOT_ROWS);
    const next = epochMs(Date.parse(snapshot.at(-1)!.key.open_time) + 60_000);
    await storeCandles(pipeline.pool, [testCandle({ symbol, openTime: next })]);
    const streamed = (await changesOf(symbol, SNAPSHOT_ROWS + 1)).at(-1)!;
    expect(streamed.op).toBe('c');
    expect(streamed.partition).toBe(snapshot[0]!.partition);
    const highest = snapshot.map(({ version }) => version).reduce((a, b) => (a > b ? a : b));
    expect(streamed.version).toBeGreaterThan(highest);
  });
});

test('a new candle, a revision and a delete arrive in commit order in one partition', async () => {
  const symbol = 'ORDER/USDT';
  const candle = testCandle({ symbol });
  await storeCandles(pipeline.pool, [candle]);
  await storeCandles(pipeline.pool, [{ ...candle, close: decimal('101') }]);
  await pipeline.pool.query('delete from market.candles where symbol = $1', [symbol]);
  const events = await changesOf(symbol, 3);
  expect(events.map(({ op }) => op)).toEqual(['c', 'u', 'd']);
  expect(events.map(({ after }) => after?.['revision'])).toEqual([0, 1, undefined]);
  expect(new Set(events.map(({ partition }) => partition)).size).toBe(1);
  expect(ascending(events.map(({ version }) => version))).toBe(true);
});

test('a delete is one record with a value: no tombstone follows it', async () => {
  const symbol = 'TOMB/USDT';
  await storeCandles(pipeline.pool, [testCandle({ symbol })]);
  await pipeline.pool.query('delete from market.candles where symbol = $1', [symbol]);
  const [, deleted] = await changesOf(symbol, 2);
  // A record of the same partition that comes later than a tombstone would.
  await storeCandles(pipeline.pool, [testCandle({ symbol })]);
  await changesOf(symbol, 3);
  expect(deleted?.after).toBeNull();
  expect(topic.records.filter(({ value }) => value === null)).toEqual([]);
});

test('the row before a delete names its key; the rest of it is invented', async () => {
  const symbol = 'BEFORE/USDT';
  await storeCandles(pipeline.pool, [testCandle({ symbol })]);
  await pipeline.pool.query('delete from market.candles where symbol = $1', [symbol]);
  const [, deleted] = await changesOf(symbol, 2);
  expect(deleted?.before).toMatchObject({ symbol, open_time: deleted?.key.open_time });
  // Replica identity DEFAULT logs the key alone. If this ever shows the real price, `before` may be
  // read; until then whoever reads it would take 0 for a price.
  expect(Number(deleted?.before?.['open'])).toBe(0);
  const [created] = await changesOf(symbol, 2);
  expect(created?.before).toBeNull();
});

test('a renamed symbol is a delete and a new candle, each in the partition of its own series', async () => {
  const [before, after] = ['OLD-NAME/USDT', 'NEW-NAME/USDT'];
  await storeCandles(pipeline.pool, [testCandle({ symbol: before })]);
  const [created] = await changesOf(before, 1);
  await pipeline.pool.query('update market.candles set symbol = $2 where symbol = $1', [
    before,
    after,
  ]);
  const [deleted] = (await changesOf(before, 2)).slice(1);
  const [renamed] = await changesOf(after, 1);
  expect(deleted).toMatchObject({ op: 'd', partition: created?.partition });
  expect(renamed).toMatchObject({ op: 'c', before: null });
  expect(renamed?.after).toMatchObject({ symbol: after, open: '100.000000000000000000' });
  // The next candle under the new name goes where this one went.
  await storeCandles(pipeline.pool, [
    testCandle({ symbol: after, openTime: epochMs(testCandle().openTime + 60_000) }),
  ]);
  const [, next] = await changesOf(after, 2);
  expect(next?.partition).toBe(renamed?.partition);
});

const SMALLEST = decimal('0.000000000000000001');
const LARGEST = decimal('99999999999999999999.999999999999999999');

test('the smallest and the largest number keep every digit', async () => {
  const symbol = 'DIGITS/USDT';
  const candle = testCandle({
    symbol,
    open: SMALLEST,
    low: SMALLEST,
    high: LARGEST,
    close: LARGEST,
    volume: LARGEST,
    quoteVolume: SMALLEST,
    takerBuyBase: null,
    takerBuyQuote: decimal('0'),
    trades: null,
  });
  await storeCandles(pipeline.pool, [candle]);
  const [event] = await changesOf(symbol, 1);
  expect(event?.after).toMatchObject({
    open: '0.000000000000000001',
    high: '99999999999999999999.999999999999999999',
    low: '0.000000000000000001',
    close: '99999999999999999999.999999999999999999',
    volume: '99999999999999999999.999999999999999999',
    quote_volume: '0.000000000000000001',
    taker_buy_base: null,
    taker_buy_quote: '0.000000000000000000',
    trades: null,
  });
});

test('versions rise in stream order though transactions interleave', async () => {
  const symbol = 'INTERLEAVED/USDT';
  const candles = testCandles(7, { symbol });
  // Two that begin the same series wait for each other.
  await storeCandles(pipeline.pool, [candles[6]!]);
  const [early, late] = [await pipeline.pool.connect(), await pipeline.pool.connect()];
  const put = (client: typeof early, candle: Candle | undefined): Promise<void> =>
    writeCandles(client, candle === undefined ? [] : [candle]);
  // "early" writes first, last and in between, and commits after "late".
  await early.query('begin');
  await late.query('begin');
  await put(early, candles[0]);
  await put(late, candles[1]);
  await put(early, candles[2]);
  await put(late, candles[3]);
  await late.query('commit');
  await put(early, candles[4]);
  await early.query('commit');
  early.release();
  late.release();
  await storeCandles(pipeline.pool, [candles[5]!]);

  const events = await changesOf(symbol, 7);
  const order = events.map(({ key }) =>
    candles.findIndex(({ openTime }) => openTime === Date.parse(key.open_time)),
  );
  expect(order).toEqual([6, 1, 3, 0, 2, 4, 5]);
  expect(ascending(events.map(({ version }) => version))).toBe(true);
  // Why the version is not simply the record's LSN: that falls in this very stream.
  expect(ascending(events.map(({ source }) => source.lsn ?? 0))).toBe(false);
});

test('rows of one transaction each have a version of their own', async () => {
  const symbol = 'BULK/USDT';
  await storeCandles(pipeline.pool, testCandles(2_000, { symbol }));
  const events = await changesOf(symbol, 2_000);
  expect(ascending(events.map(({ version }) => version))).toBe(true);
});

test('a candle that is still running arrives as such', async () => {
  const symbol = 'RUNNING/USDT';
  await storeCandles(pipeline.pool, [testCandle({ symbol, isClosed: false })]);
  const [event] = await changesOf(symbol, 1);
  expect(event?.after).toMatchObject({ is_closed: false, revision: 0 });
});

test('WAL is confirmed while no candle changes, though other tables do', async () => {
  const confirmed = async (): Promise<bigint> => {
    const found = await pipeline.pool.query<{ lsn: string }>(
      `select (confirmed_flush_lsn - '0/0'::pg_lsn)::bigint as lsn from pg_replication_slots`,
    );
    return BigInt(found.rows[0]?.lsn ?? '0');
  };
  const written = await pipeline.pool.query<{ lsn: string }>(
    `with run as (
       insert into market.ingest_runs
         (job, exchange, market_type, symbol, interval, range_from, range_to)
       select 'quiet', 'x', 'perp', 'x', '1m', now(), now() from generate_series(1, 500)
       returning 1
     )
     select (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint as lsn from run limit 1`,
  );
  const target = BigInt(written.rows[0]?.lsn ?? '0');
  expect(await confirmed()).toBeLessThan(target);
  const moved = async (): Promise<boolean> => (await confirmed()) >= target;
  await waitFor(moved, { what: 'the slot to move past the write', timeoutMs: 30_000 });
});

test('the connector logs in as the change capture role and as nobody else', async () => {
  const sessions = await pipeline.pool.query<{ usename: string; backend_type: string }>(
    `select distinct usename, backend_type from pg_stat_activity
     where application_name ilike '%debezium%' or backend_type = 'walsender'`,
  );
  expect(sessions.rows.map(({ usename }) => usename)).not.toEqual([]);
  expect(new Set(sessions.rows.map(({ usename }) => usename))).toEqual(
    new Set([pipeline.config.CDC_USER]),
  );
});

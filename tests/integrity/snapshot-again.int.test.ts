/**
 * The first snapshot, taken again: Connect dies before it has stored that the first one is done, or
 * its offsets and slot are lost. What changed meanwhile reaches the topic only as snapshot rows, so
 * they must win over everything streamed before, and lose against everything streamed after.
 */
import { beforeAll, expect, test } from 'vitest';
import { CONNECTOR_NAME, TOPIC_CANDLES } from '#core/contracts/names.ts';
import { decimal } from '#core/decimal.ts';
import { epochMs } from '#core/time.ts';
import { waitFor } from '../../local/stack/wait.ts';
import { testCandle, testCandles } from '../support/candles.ts';
import { connectorRuns, removeConnectors } from '../support/connector.ts';
import { storeCandles } from '../support/market.ts';
import { usePipeline } from '../support/pipeline.ts';
import {
  candleEvent,
  eventsOf,
  type CandleEvent,
  type TopicRecorder,
} from '../support/topic-recorder.ts';

const pipeline = usePipeline();
const SYMBOL = 'TWICE/USDT';
let topic: TopicRecorder;

beforeAll(async () => {
  await storeCandles(pipeline.pool, testCandles(10, { symbol: SYMBOL }));
  await pipeline.activate();
  topic = await pipeline.record(TOPIC_CANDLES);
  await topic.until('the first snapshot', (records) => records.length >= 10);
});

const bySymbol = (): CandleEvent[] => eventsOf(topic.records, SYMBOL);

/** Stores a candle at a minute with a close that tells the change. */
async function change(minute: number, close: string): Promise<void> {
  const openTime = epochMs(testCandle().openTime + minute * 60_000);
  await storeCandles(pipeline.pool, [
    testCandle({ symbol: SYMBOL, openTime, close: decimal(close) }),
  ]);
}

const arrived = (close: string) => (): boolean =>
  bySymbol().some(({ after }) => Number(after?.['close']) === Number(close));

/** What a reader that keeps the highest version of each candle has in the end. */
function folded(): string[] {
  const latest = new Map<string, CandleEvent>();
  for (const event of topic.records.map(candleEvent)) {
    const known = latest.get(event.keyText);
    if (known === undefined || event.version >= known.version) latest.set(event.keyText, event);
  }
  return [...latest.values()]
    .filter(({ op }) => op !== 'd')
    .map(({ key, after }) => `${Date.parse(key.open_time)} ${String(after?.['close'])}`)
    .sort();
}

async function stored(): Promise<string[]> {
  const rows = await pipeline.pool.query<{ open_time: number; close: string }>(
    'select open_time, close from market.candles where symbol = $1',
    [SYMBOL],
  );
  return rows.rows.map((row) => `${row.open_time} ${row.close}`).sort();
}

test('after a kill -9 and lost offsets the newest values win', async () => {
  await change(3, '101');
  await change(4, '101');
  await topic.until('the stream', arrived('101'));
  const streamed = bySymbol().at(-1)!.version;

  await removeConnectors(pipeline.config.CONNECT_URL);
  // Nobody streams this one.
  await change(3, '102');
  await pipeline.activate();
  await topic.until('the second snapshot', arrived('102'));
  await topic.until('all of it', () => bySymbol().filter(({ op }) => op === 'r').length >= 20);
  const again = bySymbol()
    .filter(({ op }) => op === 'r')
    .at(-1)!.version;
  expect(again).toBeGreaterThan(streamed);
  expect(folded()).toEqual(await stored());

  // The first transaction after a snapshot knows no commit before it.
  await change(3, '103');
  await change(4, '103');
  await topic.until('the stream again', arrived('103'));
  const first = bySymbol().find(({ after }) => Number(after?.['close']) === 103)!;
  expect(first.version).toBeGreaterThan(again);
  expect(folded()).toEqual(await stored());
});

test('after the slot is lost too the newest values win', async () => {
  await removeConnectors(pipeline.config.CONNECT_URL);
  const dropped = async (): Promise<boolean> => {
    await pipeline.pool.query(
      'select pg_drop_replication_slot(slot_name) from pg_replication_slots',
    );
    return true;
  };
  await waitFor(dropped, { what: 'the slot to be let go', timeoutMs: 20_000 });
  await change(5, '104');
  await pipeline.activate();
  await topic.until('the third snapshot', arrived('104'));
  await change(6, '105');
  await topic.until('the stream', arrived('105'));
  expect(folded()).toEqual(await stored());
});

test('killed before the first snapshot is confirmed, Connect takes it again and nothing is lost', async () => {
  const { keeper } = pipeline.engines;
  await removeConnectors(pipeline.config.CONNECT_URL);
  await change(7, '106');
  await pipeline.activate();
  await topic.until('the snapshot', arrived('106'));
  await keeper.kill('connect');
  await change(7, '107');
  await keeper.start('connect');
  await connectorRuns(pipeline.config.CONNECT_URL, CONNECTOR_NAME);
  await topic.until('what nobody was there for', arrived('107'));
  expect(folded()).toEqual(await stored());
});

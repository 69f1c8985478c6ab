/**
 * Kafka Connect is killed while changes stream. It then sends again what it had not confirmed: every
 * repeated event must be the same event, with the same version, and none may be missing. That is all
 * that makes a redelivery a no-op downstream.
 */
import { beforeAll, expect, test } from 'vitest';
import { CONNECTOR_NAME, TOPIC_CANDLES } from '#core/contracts/names.ts';
import { decimal } from '#core/decimal.ts';
import { testCandles } from '../support/candles.ts';
import { connectorRuns, streamIsStored } from '../support/connector.ts';
import { ensureMonths, writeCandles } from '../support/market.ts';
import { usePipeline } from '../support/pipeline.ts';
import { candleEvent, type CandleEvent, type TopicRecorder } from '../support/topic-recorder.ts';

const pipeline = usePipeline();

const SYMBOLS = ['REDO-A/USDT', 'REDO-B/USDT', 'REDO-C/USDT'];
const KILLS_MAX = 6;
const ROUNDS_BETWEEN_KILLS = 25;
let topic: TopicRecorder;
let changes = 0;

beforeAll(async () => {
  await ensureMonths(pipeline.pool, testCandles(1));
  await pipeline.activate();
  topic = await pipeline.record(TOPIC_CANDLES);
  for (let round = 0; round < 3; round += 1) await writeRound(round);
  await streamIsStored(pipeline.config.CONNECT_URL, CONNECTOR_NAME);
});

/** Two transactions that are open together and commit in the order opposite to their beginning. */
async function writeRound(round: number): Promise<void> {
  const [first, second] = [await pipeline.pool.connect(), await pipeline.pool.connect()];
  const close = decimal(`100.${String(round + 1).padStart(6, '0')}1`);
  const [one, two, three] = SYMBOLS.map((symbol) =>
    testCandles(20, { symbol, close, low: decimal('1'), high: decimal('2000') }),
  );
  const at = round % 20;
  await first.query('begin');
  await writeCandles(first, [one![at]!]);
  await second.query('begin');
  await writeCandles(second, [two![at]!, two![(at + 1) % 20]!]);
  await writeCandles(first, [three![at]!]);
  await second.query('commit');
  await first.query('commit');
  first.release();
  second.release();
  changes += 4;
}

const identity = (event: CandleEvent): string => `${event.keyText} ${event.version}`;
const distinct = (): number => new Set(topic.records.map((r) => identity(candleEvent(r)))).size;

/** What the event says, without when it was sent. */
function content({ op, before, after, source }: CandleEvent): string {
  const { sequence, lsn, txId, snapshot, ts_ms: committedAt } = source;
  return JSON.stringify({ op, before, after, sequence, lsn, txId, snapshot, committedAt });
}

test('every repeated event has the version and the content it had before', async () => {
  const { keeper } = pipeline.engines;
  let round = 3;
  for (let kill = 0; kill < KILLS_MAX; kill += 1) {
    for (let count = 0; count < ROUNDS_BETWEEN_KILLS; count += 1) await writeRound(round++);
    await topic.until('some of them', () => distinct() > changes - ROUNDS_BETWEEN_KILLS);
    await keeper.kill('connect');
    await writeRound(round++);
    await keeper.start('connect');
    await connectorRuns(pipeline.config.CONNECT_URL, CONNECTOR_NAME);
    await topic.until('all changes', () => distinct() >= changes);
    if (kill > 0 && topic.records.length > changes) break;
  }
  const events = topic.records.map(candleEvent);
  expect(events.length, 'no kill made Connect send anything again').toBeGreaterThan(changes);
  expect(distinct()).toBe(changes);
  const known = new Map<string, string>();
  for (const event of events) {
    const before = known.get(identity(event));
    if (before !== undefined) expect(content(event)).toBe(before);
    known.set(identity(event), content(event));
  }
});

test('versions rise in stream order, and a repetition begins where it went back to', () => {
  const byPartition = Map.groupBy(topic.records.map(candleEvent), ({ partition }) => partition);
  for (const events of byPartition.values()) {
    const firsts: CandleEvent[] = [];
    const seen = new Map<string, number>();
    let position = -1;
    for (const event of events) {
      const at = seen.get(identity(event));
      if (at === undefined) {
        // New: only where the repetition has caught up.
        expect(position).toBe(firsts.length - 1);
        seen.set(identity(event), firsts.length);
        firsts.push(event);
        position = firsts.length - 1;
      } else {
        // Known: the next one, or a step back.
        expect(at === position + 1 || at <= position).toBe(true);
        position = at;
      }
    }
    const versions = firsts.map(({ version }) => version);
    expect(versions.every((v, index) => index === 0 || versions[index - 1]! < v)).toBe(true);
  }
});

test('the topic, folded by version, equals the table', async () => {
  const latest = new Map<string, CandleEvent>();
  for (const event of topic.records.map(candleEvent)) {
    const known = latest.get(event.keyText);
    if (known === undefined || event.version > known.version) latest.set(event.keyText, event);
  }
  const stored = await pipeline.pool.query<{ symbol: string; open_time: number; close: string }>(
    'select symbol, open_time, close from market.candles',
  );
  const line = (symbol: string, time: number, close: string): string =>
    `${symbol} ${time} ${close}`;
  expect(
    [...latest.values()]
      .map(({ key, after }) =>
        line(key.symbol, Date.parse(key.open_time), String(after?.['close'])),
      )
      .sort(),
  ).toEqual(stored.rows.map((row) => line(row.symbol, row.open_time, row.close)).sort());
});

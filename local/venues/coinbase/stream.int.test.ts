import { afterEach, beforeEach, expect, test } from 'vitest';
import { epochMs } from '#core/time.ts';
import { openTestVenue, type TestStream, type TestVenue } from '../test-venue.ts';

const OPEN = Date.parse('2018-04-04T12:00:00Z');
const BUCKET = 300_000;
const SUBSCRIBE = { type: 'subscribe', product_ids: ['BTC-USD'], channel: 'candles' };

interface Message {
  readonly channel: string;
  readonly sequence_num: number;
  readonly timestamp: string;
  readonly events: { type: string; candles: Record<string, unknown>[] }[];
}

let subject: TestVenue;
let stream: TestStream;
beforeEach(async () => {
  subject = await openTestVenue('2018-04-04T12:02:00Z');
  stream = await subject.connect('coinbase');
});
afterEach(async () => subject.close());

const next = async (): Promise<Message> => (await stream.nextJson()) as Message;

test('a subscription gets a snapshot of 100 buckets, then what is subscribed', async () => {
  stream.send(SUBSCRIBE);
  const snapshot = await next();
  expect(snapshot).toMatchObject({
    channel: 'candles',
    client_id: '',
    timestamp: '2018-04-04T12:02:00.000000000Z',
    sequence_num: 0,
    events: [{ type: 'snapshot' }],
  });
  const candles = snapshot.events[0]?.candles ?? [];
  expect([candles.length, candles[0]]).toEqual([
    100,
    {
      start: '1522813500',
      high: '7317.45',
      low: '7302.76',
      open: '7317.45',
      close: '7304.64',
      volume: '26.02256329',
      product_id: 'BTC-USD',
    },
  ]);
  const open = candles.at(-1);
  expect(open).toMatchObject({ start: String(OPEN / 1000), volume: null });
  expect([open?.['high'], open?.['low'], open?.['close']]).toEqual(
    Array.from({ length: 3 }, () => open?.['open']),
  );
  expect(await next()).toMatchObject({
    channel: 'subscriptions',
    sequence_num: 1,
    events: [{ subscriptions: { candles: ['BTC-USD'] } }],
  });
});

test('updates tell a bucket whole once it is over, then the next one; REST says the same', async () => {
  stream.send(SUBSCRIBE);
  await next();
  await next();
  subject.clock.set(epochMs(OPEN + BUCKET));
  subject.venue.tick();
  const updates = [await next(), await next()];
  expect(updates.map(({ sequence_num }) => sequence_num)).toEqual([2, 3]);
  const query = `granularity=300&start=${OPEN / 1000}&end=${(OPEN + BUCKET) / 1000}`;
  const { text } = await subject.ask('coinbase', `/products/BTC-USD/candles?${query}`);
  const number = (value: unknown): number | null => (value === null ? null : Number(value));
  const told = updates.map(({ events }) => events[0]?.candles[0] ?? {});
  expect(
    told.map((each) =>
      ['start', 'low', 'high', 'open', 'close', 'volume'].map((name) => number(each[name])),
    ),
  ).toEqual((JSON.parse(text) as unknown[][]).toReversed());
});

test('heartbeats come once a second, counted, in the same sequence', async () => {
  stream.send({ type: 'subscribe', channel: 'heartbeats' });
  expect(await next()).toMatchObject({
    sequence_num: 0,
    events: [{ subscriptions: { heartbeats: ['heartbeats'] } }],
  });
  const began = subject.wallClock.now();
  for (const ms of [999, 1_000, 1_500, 2_000]) {
    subject.wallClock.set(epochMs(began + ms));
    subject.venue.tick();
  }
  await stream.settle();
  expect(stream.waiting().map((frame) => JSON.parse(frame) as unknown)).toMatchObject([
    { channel: 'heartbeats', sequence_num: 1, events: [{ heartbeat_counter: '1' }] },
    { channel: 'heartbeats', sequence_num: 2, events: [{ heartbeat_counter: '2' }] },
  ]);
});

test('a lost frame shows as a jump of the sequence', async () => {
  stream.send(SUBSCRIBE);
  await next();
  await next();
  subject.venue.faults.coinbase.strike({ kind: 'drop', frames: 1 });
  subject.clock.set(epochMs(OPEN + BUCKET));
  subject.venue.tick();
  expect((await next()).sequence_num).toBe(3);
});

test('what it does not know is an error, and who says nothing for 5 s is disconnected', async () => {
  stream.send({ ...SUBSCRIBE, product_ids: ['NO-PE'] });
  expect(await stream.nextJson()).toEqual({
    type: 'error',
    message: 'NO-PE is not a valid product',
  });
  stream.send({ ...SUBSCRIBE, channel: 'candle' });
  expect(await stream.nextJson()).toMatchObject({ type: 'error' });
  subject.wallClock.set(epochMs(subject.wallClock.now() + 5_000));
  subject.venue.tick();
  expect(await stream.closed).toBe(1008);
});

import { afterEach, beforeEach, expect, test } from 'vitest';
import { epochMs } from '#core/time.ts';
import { openTestVenue, type TestStream, type TestVenue } from '../test-venue.ts';

const HOUR = 3_600_000;
const OPEN = Date.parse('2023-05-22T10:00:00Z');
const SUBSCRIPTION = { type: 'candle', coin: 'kPEPE', interval: '1h' };

let subject: TestVenue;
let stream: TestStream;
beforeEach(async () => {
  subject = await openTestVenue('2023-05-22T10:20:00Z');
  stream = await subject.connect('hyperliquid');
  expect(await stream.next()).toBe('Websocket connection established.');
});
afterEach(async () => subject.close());

test('a subscription is confirmed in the captured form and told the open candle', async () => {
  stream.send({ method: 'subscribe', subscription: SUBSCRIPTION });
  expect(await stream.next()).toBe(
    '{"channel":"subscriptionResponse","data":{"method":"subscribe","subscription":{"type":"candle","interval":"1h","coin":"kPEPE"}}}',
  );
  const first = (await stream.nextJson()) as { data: Record<string, unknown> };
  expect(first).toMatchObject({
    channel: 'candle',
    data: { t: OPEN, T: OPEN + HOUR - 1, s: 'kPEPE', i: '1h', v: null, n: null },
  });
  const { o, h, l, c } = first.data;
  expect([h, l, c]).toEqual([o, o, o]);
});

test('a candle is told whole once it is over, then the next one, as REST tells them', async () => {
  stream.send({ method: 'subscribe', subscription: SUBSCRIPTION });
  await stream.next();
  await stream.next();
  subject.clock.set(epochMs(OPEN + HOUR));
  subject.venue.tick();
  const told = [await stream.nextJson(), await stream.nextJson()] as { data: unknown }[];
  const req = { coin: 'kPEPE', interval: '1h', startTime: OPEN, endTime: OPEN + HOUR };
  const { text } = await subject.ask('hyperliquid', '/info', { type: 'candleSnapshot', req });
  expect(told.map(({ data }) => data)).toEqual(JSON.parse(text));
});

test('after an unsubscription nothing is told', async () => {
  stream.send({ method: 'subscribe', subscription: SUBSCRIPTION });
  await stream.next();
  await stream.next();
  stream.send({ method: 'unsubscribe', subscription: SUBSCRIPTION });
  expect(await stream.nextJson()).toMatchObject({ data: { method: 'unsubscribe' } });
  subject.clock.set(epochMs(OPEN + HOUR));
  subject.venue.tick();
  await stream.settle();
  expect(stream.waiting()).toEqual([]);
});

test.each([
  [{ method: 'subscribe', subscription: { ...SUBSCRIPTION, type: 'candles' } }, /^Error parsing/],
  [{ method: 'subscribe', subscription: { ...SUBSCRIPTION, interval: '6h' } }, /^Error parsing/],
  [{ method: 'subscribe', subscription: { ...SUBSCRIPTION, coin: 'NOPE' } }, /^Invalid subscrip/],
  [{ method: 'unsubscribe', subscription: SUBSCRIPTION }, /^Already unsubscribed/],
  ['{', /^Error parsing JSON into valid websocket request: \{$/],
])('%j is refused on the error channel', async (frame, reason) => {
  stream.send(frame);
  expect(await stream.nextJson()).toEqual({
    channel: 'error',
    data: expect.stringMatching(reason),
  });
});

test('a connection over which nothing was sent for 60 s is closed, and pings keep it', async () => {
  const began = subject.wallClock.now();
  const at = (ms: number): void => {
    subject.wallClock.set(epochMs(began + ms));
  };
  at(50_000);
  stream.send({ method: 'ping' });
  expect(await stream.next()).toBe('{"channel":"pong"}');
  at(109_999);
  subject.venue.tick();
  await stream.settle();
  at(110_000);
  subject.venue.tick();
  expect(await stream.closed).toBe(1001);
});

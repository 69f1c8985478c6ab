import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { epochMs } from '#core/time.ts';
import { openTestVenue, type TestVenue } from '../test-venue.ts';

const directory = join(import.meta.dirname, '../../../tests/support/recordings-small');
const MINUTE = 60_000;
const NOT_RECORDED = { f: null, L: null, v: null, n: null, q: null, V: null, Q: null };
/** Open time of the candle that forms when a test begins, and what was recorded of it. */
const OPEN = Date.parse('2025-06-03T13:00:00Z');

let subject: TestVenue;
beforeEach(async () => {
  subject = await openTestVenue('2025-06-03T13:00:10Z', { directory });
});
afterEach(async () => subject.close());

function step(minutes: number): void {
  subject.clock.set(epochMs(OPEN + minutes * MINUTE));
  subject.venue.tick();
}

interface KlineFrame {
  readonly stream?: string;
  readonly data: { readonly E: number; readonly s: string; readonly k: Record<string, unknown> };
}

const shown = ({ data: { k } }: KlineFrame): unknown[] => [
  (Number(k['t']) - OPEN) / MINUTE,
  k['x'],
];

async function recorded(minutes: number): Promise<unknown[]> {
  const time = OPEN + minutes * MINUTE;
  const query = `symbol=BTCUSDT&interval=1m&startTime=${time}&limit=1`;
  const { text } = await subject.ask('binance-futures', `/fapi/v1/klines?${query}`);
  return (JSON.parse(text) as unknown[][])[0] ?? [];
}

describe('a combined stream of Binance as recorded', () => {
  test('tells the opening tick, the whole candle as closed, and the next opening tick', async () => {
    const stream = await subject.connect('binance-futures', '/stream?streams=btcusdt@kline_1m');
    const first = (await stream.nextJson()) as KlineFrame;
    const o = (await recorded(0))[1];
    expect(first).toEqual({
      stream: 'btcusdt@kline_1m',
      data: {
        e: 'kline',
        E: OPEN + 10_000,
        s: 'BTCUSDT',
        k: {
          t: OPEN,
          T: OPEN + MINUTE - 1,
          s: 'BTCUSDT',
          i: '1m',
          o,
          c: o,
          h: o,
          l: o,
          x: false,
          B: '0',
          ...NOT_RECORDED,
        },
      },
    });
    subject.venue.tick();
    step(1);
    const closed = (await stream.nextJson()) as KlineFrame;
    const [, open, high, low, close, volume] = await recorded(0);
    expect(closed.data.k).toMatchObject({ o: open, h: high, l: low, c: close, v: volume, x: true });
    expect(shown((await stream.nextJson()) as KlineFrame)).toEqual([1, false]);
    await stream.settle();
    expect(stream.waiting()).toEqual([]);
  });

  test('coalesces what came and went between two beats into two frames', async () => {
    const stream = await subject.connect('binance-futures', '/stream?streams=btcusdt@kline_1m');
    await stream.next();
    step(5);
    expect(shown((await stream.nextJson()) as KlineFrame)).toEqual([4, true]);
    expect(shown((await stream.nextJson()) as KlineFrame)).toEqual([5, false]);
  });

  test('tells the forming candle again every second of wall time, and no more of it', async () => {
    const stream = await subject.connect('binance-futures', '/stream?streams=btcusdt@kline_1m');
    const first = await stream.next();
    const began = subject.wallClock.now();
    for (const ms of [500, 999, 1_000, 1_500, 2_000]) {
      subject.wallClock.set(epochMs(began + ms));
      subject.venue.tick();
    }
    await stream.settle();
    expect(stream.waiting()).toEqual([first, first]);
  });

  test('tells several streams, and nothing of names that it does not know', async () => {
    const names = 'btcusdt@kline_1m/ethusdt@kline_1m/nope@kline_1m/btcusdt@depth/btcusdt@kline_7m';
    const stream = await subject.connect('binance-futures', `/stream?streams=${names}`);
    await stream.settle();
    const streams = stream.waiting().map((frame) => (JSON.parse(frame) as KlineFrame).stream);
    expect(streams).toEqual(['btcusdt@kline_1m', 'ethusdt@kline_1m']);
  });
});

describe('a raw stream of Binance as recorded', () => {
  test('answers to subscriptions and tells events without a wrapping', async () => {
    const stream = await subject.connect('binance-futures', '/ws');
    stream.send({ method: 'SUBSCRIBE', params: ['btcusdt@kline_1m'], id: 1 });
    expect(await stream.next()).toBe('{"result":null,"id":1}');
    expect(await stream.nextJson()).toMatchObject({ e: 'kline', k: { t: OPEN, x: false } });
    stream.send({ method: 'LIST_SUBSCRIPTIONS', id: 'two' });
    expect(await stream.next()).toBe('{"result":["btcusdt@kline_1m"],"id":"two"}');
    stream.send({ method: 'UNSUBSCRIBE', params: ['btcusdt@kline_1m'], id: 3 });
    expect(await stream.next()).toBe('{"result":null,"id":3}');
    step(1);
    await stream.settle();
    expect(stream.waiting()).toEqual([]);
  });

  test('begins with what its address names, encoded or not', async () => {
    for (const name of ['btcusdt@kline_1m', '%62tcusdt%40kline_1m', '%zz/btcusdt@kline_1m']) {
      const stream = await subject.connect('binance-futures', `/ws/${name}`);
      if (name.startsWith('%z')) {
        await stream.settle();
        expect(stream.waiting()).toEqual([]);
      } else {
        expect(await stream.nextJson()).toMatchObject({ e: 'kline', s: 'BTCUSDT' });
      }
    }
  });

  test('refuses what it cannot read', async () => {
    const stream = await subject.connect('binance-futures', '/ws');
    stream.send('{"method":');
    expect(await stream.nextJson()).toMatchObject({ error: { code: 3 }, id: null });
    stream.send({ method: 'FLY' });
    expect(await stream.nextJson()).toMatchObject({ error: { code: 2 }, id: null });
  });

  test('closes at the 1025th stream, as was measured', async () => {
    const stream = await subject.connect('binance-futures', '/ws');
    const params = Array.from({ length: 1025 }, (_, n) => `s${n}@kline_1m`);
    stream.send({ method: 'SUBSCRIBE', params, id: 1 });
    expect(await stream.nextJson()).toMatchObject({
      error: { code: 4, msg: 'Too many subscriptions' },
    });
    expect(await stream.closed).toBe(1008);
  });
});

describe('a connection to Binance as recorded', () => {
  test('is pinged every 3 minutes, kept by pongs, and ends after 24 hours', async () => {
    const stream = await subject.connect('binance-futures', '/stream?streams=btcusdt@kline_1m');
    const began = subject.wallClock.now();
    for (let minutes = 3; minutes < 24 * 60; minutes += 3) {
      subject.wallClock.set(epochMs(began + minutes * MINUTE));
      subject.venue.tick();
      // By then the client has answered the ping.
      await stream.settle();
    }
    subject.wallClock.set(epochMs(began + 24 * 60 * MINUTE));
    subject.venue.tick();
    expect(await stream.closed).toBe(1001);
  });

  test('below the old roots of futures accepts and tells nothing', async () => {
    const root = subject.venue.urls['binance-futures'].streamUrl;
    expect(root).toMatch(/\/market$/);
    const stream = await subject.connect('binance-futures', '/../ws');
    stream.send({ method: 'SUBSCRIBE', params: ['btcusdt@kline_1m'], id: 1 });
    expect(await stream.next()).toBe('{"result":null,"id":1}');
    step(2);
    await stream.settle();
    expect(stream.waiting()).toEqual([]);
  });

  test.each([
    ['binance-futures', '/nothing'],
    ['binance-spot', '/market/stream'],
  ] as const)('to %s%s is refused', async (venue, path) => {
    await expect(subject.connect(venue, path)).rejects.toThrow('404');
  });
});

/** Each fault as it arrives at the wire, planned by API and over HTTP, of one venue and no other. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { epochMs } from '#core/time.ts';
import type { Amendment } from './amendments.ts';
import type { Fault } from './faults.ts';
import { openTestVenue, type TestVenue } from './test-venue.ts';
import type { VenueId } from './venue-id.ts';

const directory = join(import.meta.dirname, '../../tests/support/recordings-small');
const NOW = Date.parse('2025-06-03T13:00:10Z');
const MINUTE = 60_000;
const OPEN = NOW - 10_000;
const KLINES = '/fapi/v1/klines?symbol=BTCUSDT&interval=1m&limit=3';
const STREAM = '/stream?streams=btcusdt@kline_1m';

let subject: TestVenue;

async function opensOf(path = KLINES): Promise<number[]> {
  const { text } = await subject.ask('binance-futures', path);
  return (JSON.parse(text) as number[][]).map(([time = 0]) => (time - OPEN) / MINUTE);
}

async function order(body: unknown): Promise<{ status: number; json: unknown }> {
  const response = await fetch(`${subject.venue.url}/faults`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: response.status, json: await response.json() };
}

describe('a fault of a request', () => {
  beforeEach(async () => {
    subject = await openTestVenue('2018-04-04T12:00:30Z');
  });
  afterEach(async () => subject.close());

  const requests: readonly [VenueId, string, unknown][] = [
    ['binance-futures', '/fapi/v1/time', undefined],
    ['binance-spot', '/api/v3/time', undefined],
    ['coinbase', '/time', undefined],
    ['hyperliquid', '/info', { type: 'meta' }],
  ];
  const plan = (venue: VenueId, ...faults: Fault[]): void => {
    subject.venue.faults[venue].plan(...faults);
  };

  test.each(requests)('of %s is a refusal with Retry-After, once', async (venue, path, post) => {
    const body = '{"why":"so"}';
    plan(venue, { kind: 'refuse', status: 429, retryAfterSeconds: 7, body });
    plan(venue, { kind: 'refuse', status: 418, retryAfterSeconds: 120 });
    plan(venue, { kind: 'refuse', status: 503, contentType: 'text/html', body: '<html>' });
    const answers = [];
    for (let n = 0; n < 4; n += 1) answers.push(await subject.ask(venue, path, post));
    expect(answers.map(({ status }) => status)).toEqual([429, 418, 503, 200]);
    expect(answers.map(({ headers }) => headers.get('retry-after'))).toEqual([
      '7',
      '120',
      null,
      null,
    ]);
    expect(answers[0]?.text).toBe(body);
    expect(answers[2]?.headers.get('content-type')).toMatch(/^text\/html/);
  });

  test.each(requests)('of %s is a page, half an answer, or none', async (venue, path, post) => {
    const whole = (await subject.ask(venue, path, post)).text;
    plan(venue, { kind: 'html' }, { kind: 'truncate' }, { kind: 'cut' });
    const html = await subject.ask(venue, path, post);
    expect([html.status, html.text]).toEqual([200, expect.stringMatching(/^<html>/)]);
    const half = await subject.ask(venue, path, post);
    expect(half.status).toBe(200);
    expect(whole.startsWith(half.text)).toBe(true);
    expect(() => JSON.parse(half.text) as unknown).toThrow(SyntaxError);
    await expect(subject.ask(venue, path, post)).rejects.toThrow('fetch failed');
    plan(venue, { kind: 'hang' });
    const url = subject.venue.urls[venue].baseUrl + path;
    const init = post === undefined ? {} : { method: 'POST', body: JSON.stringify(post) };
    const signal = AbortSignal.timeout(100);
    await expect(fetch(url, { ...init, signal })).rejects.toThrow(/timeout/);
    expect((await subject.ask(venue, path, post)).text.length).toBeGreaterThan(0);
  });

  test('meets only the path that it names, and only its venue', async () => {
    plan('coinbase', { kind: 'refuse', status: 500, on: '/candles' });
    expect((await subject.ask('coinbase', '/time')).status).toBe(200);
    expect((await subject.ask('hyperliquid', '/info', { type: 'meta' })).status).toBe(200);
    const candles = '/products/BTC-USD/candles?granularity=60';
    expect((await subject.ask('coinbase', candles)).status).toBe(500);
    expect((await subject.ask('coinbase', candles)).status).toBe(200);
  });

  test('doubles or turns round the rows of the next answer that has any', async () => {
    const range = 'granularity=60&start=2018-04-04T00:00:00Z&end=2018-04-04T00:01:00Z';
    const path = `/products/BTC-USD/candles?${range}`;
    plan('coinbase', { kind: 'duplicate' }, { kind: 'reorder' });
    const times = async (): Promise<number[]> =>
      (JSON.parse((await subject.ask('coinbase', path)).text) as number[][]).map(
        ([time = 0]) => time - 1_522_800_000,
      );
    expect((await subject.ask('coinbase', '/time')).status).toBe(200);
    expect([await times(), await times(), await times()]).toEqual([
      [60, 60, 0, 0],
      [0, 60],
      [60, 0],
    ]);
  });
});

describe('an amendment at the wire', () => {
  beforeEach(async () => {
    subject = await openTestVenue('2025-06-03T13:00:10Z', { directory });
  });
  afterEach(async () => subject.close());

  const amend = (...each: Amendment[]): void => {
    subject.venue.faults['binance-futures'].amend(...each);
  };
  const symbol = 'BTCUSDT';

  test('corrects a candle that was told before', async () => {
    const stream = await subject.connect('binance-futures', STREAM);
    await stream.next();
    subject.clock.set(epochMs(OPEN + MINUTE));
    subject.venue.tick();
    const told = JSON.parse(await stream.next()) as { data: { k: { c: string } } };
    const values = { close: '1.25' };
    amend({ kind: 'revise', symbol, interval: '1m', openTime: OPEN, values });
    const path = `${KLINES}&startTime=${OPEN}`;
    const { text } = await subject.ask('binance-futures', path);
    const [row] = JSON.parse(text) as unknown[][];
    expect([row?.[0], row?.[4]]).toEqual([OPEN, '1.25']);
    expect(told.data.k.c).not.toBe('1.25');
  });

  test('hides a late candle until it is told', async () => {
    amend({ kind: 'late', symbol, interval: '1m', openTime: OPEN - MINUTE });
    expect(await opensOf()).toEqual([-3, -2, 0]);
    amend({ kind: 'tell', symbol });
    expect(await opensOf()).toEqual([-2, -1, 0]);
  });

  test('leaves a maintenance hole, in streams too', async () => {
    amend({ kind: 'hole', symbol, from: OPEN - MINUTE, to: OPEN + 2 * MINUTE });
    expect(await opensOf()).toEqual([-4, -3, -2]);
    expect(await opensOf(`${KLINES}&startTime=${OPEN - MINUTE}`)).toEqual([]);
    const stream = await subject.connect('binance-futures', STREAM);
    for (const minutes of [1, 2]) {
      subject.clock.set(epochMs(OPEN + minutes * MINUTE));
      subject.venue.tick();
    }
    const { data } = (await stream.nextJson()) as { data: { k: { t: number } } };
    expect(data.k.t).toBe(OPEN + 2 * MINUTE);
  });

  test('takes an instrument off: its status says so and its candles end', async () => {
    amend({ kind: 'delist', symbol, at: OPEN });
    const { text } = await subject.ask('binance-futures', '/fapi/v1/exchangeInfo');
    expect(JSON.parse(text)).toMatchObject({
      symbols: [
        { symbol, status: 'CLOSE' },
        { symbol: 'ETHUSDT', status: 'TRADING' },
      ],
    });
    subject.clock.set(epochMs(OPEN + 60 * MINUTE));
    expect(await opensOf()).toEqual([-3, -2, -1]);
  });

  test('puts the told time off', async () => {
    amend({ kind: 'skew', ms: 5_000 });
    const { text } = await subject.ask('binance-futures', '/fapi/v1/time');
    expect(text).toBe(`{"serverTime":${NOW + 5_000}}`);
  });
});

describe('a delisting', () => {
  test.each([
    ['coinbase', 'BTC-USD', '/products/BTC-USD', undefined, { status: 'delisted' }],
    ['hyperliquid', 'kPEPE', '/info', { type: 'meta' }, { universe: [{ isDelisted: true }] }],
  ] as const)('of %s is told in its own words', async (venue, symbol, path, post, told) => {
    subject = await openTestVenue('2024-01-01T00:00:00Z');
    try {
      expect(JSON.parse((await subject.ask(venue, path, post)).text)).not.toMatchObject(told);
      subject.venue.faults[venue].amend({ kind: 'delist', symbol, at: 0 });
      expect(JSON.parse((await subject.ask(venue, path, post)).text)).toMatchObject(told);
    } finally {
      await subject.close();
    }
  });
});

describe('a fault of a stream', () => {
  beforeEach(async () => {
    subject = await openTestVenue('2025-06-03T13:00:10Z', { directory });
  });
  afterEach(async () => subject.close());

  const faults = () => subject.venue.faults['binance-futures'];
  const step = (minutes: number): void => {
    subject.clock.set(epochMs(OPEN + minutes * MINUTE));
    subject.venue.tick();
  };

  test('silences the open connections, which stay open, and no later one', async () => {
    const silent = await subject.connect('binance-futures', STREAM);
    await silent.next();
    expect(faults().strike({ kind: 'silence' })).toBe(1);
    silent.send({ method: 'LIST_SUBSCRIPTIONS', id: 1 });
    const later = await subject.connect('binance-futures', STREAM);
    await later.next();
    step(1);
    await later.next();
    await later.settle();
    expect(silent.waiting()).toEqual([]);
    faults().strike({ kind: 'cut' });
    expect(await Promise.all([silent.closed, later.closed])).toEqual([1006, 1006]);
  });

  test('loses, doubles and breaks off frames', async () => {
    const stream = await subject.connect('binance-futures', STREAM);
    await stream.next();
    faults().strike({ kind: 'drop', frames: 1 });
    step(1);
    expect(await stream.nextJson()).toMatchObject({ data: { k: { t: OPEN + MINUTE, x: false } } });
    faults().strike({ kind: 'duplicate', frames: 1 });
    step(2);
    const [first, second] = [await stream.next(), await stream.next()];
    expect([first, JSON.parse(first)]).toEqual([
      second,
      expect.objectContaining({ data: expect.objectContaining({ e: 'kline' }) }),
    ]);
    await stream.next();
    faults().strike({ kind: 'truncate', frames: 1 });
    step(3);
    const half = await stream.next();
    expect(half).toMatch(/^\{"stream"/);
    expect(() => JSON.parse(half) as unknown).toThrow(SyntaxError);
  });

  test('refuses so many connections', async () => {
    faults().strike({ kind: 'refuse', status: 503, connections: 2 });
    for (let n = 0; n < 2; n += 1) {
      await expect(subject.connect('binance-futures', STREAM)).rejects.toThrow('503');
    }
    await (await subject.connect('binance-futures', STREAM)).next();
  });
});

describe('faults over HTTP', () => {
  beforeEach(async () => {
    subject = await openTestVenue('2025-06-03T13:00:10Z', { directory });
  });
  afterEach(async () => subject.close());

  test('are planned, told and cleared', async () => {
    const stream = await subject.connect('binance-futures', STREAM);
    const planned = await order({
      venue: 'binance-futures',
      plan: [{ kind: 'refuse', status: 429, retryAfterSeconds: 5, on: '/klines' }],
      amend: [{ kind: 'hole', symbol: 'BTCUSDT', from: 0, to: OPEN }],
      strike: [{ kind: 'drop', frames: 3 }, { kind: 'cut' }],
    });
    expect(planned).toMatchObject({
      status: 200,
      json: {
        struck: 1,
        'binance-futures': { requests: 1, amendments: 1, streams: 3 },
        coinbase: { requests: 0, amendments: 0, streams: 0 },
      },
    });
    expect(await stream.closed).toBe(1006);
    expect((await subject.ask('binance-futures', KLINES)).status).toBe(429);
    expect(await opensOf()).toEqual([0]);
    await order({ venue: 'binance-futures', clear: true });
    expect(await opensOf()).toEqual([-2, -1, 0]);
    const told = await fetch(`${subject.venue.url}/faults`);
    expect(await told.json()).toMatchObject({
      'binance-futures': { requests: 0, amendments: 0, streams: 0 },
    });
  });

  test.each([
    [{ venue: 'kraken' }, '/venue'],
    [{ venue: 'coinbase', plan: [{ kind: 'explode' }] }, '/plan/0'],
    [{ venue: 'coinbase', amend: [{ kind: 'skew', ms: 1e12 }] }, '/amend/0'],
    [{ venue: 'coinbase', plans: [] }, '/'],
  ])('refuse %j and say where', async (body, where) => {
    const { status, json } = await order({ ...body });
    expect([status, json]).toEqual([
      400,
      { message: expect.stringContaining(`the order is not understood: ${where}`) },
    ]);
  });
});

describe('recorded web pages', () => {
  let folder = '';
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'wick-web-'));
    writeFileSync(join(folder, 'rates.xml'), Buffer.from([0xcf, 0xf0]));
    writeFileSync(join(folder, 'robots.txt'), 'User-agent: *\nDisallow: /web/private\n');
    subject = await openTestVenue('2025-06-03T13:00:10Z', { directory, webDirectory: folder });
  });
  afterAll(async () => {
    await subject.close();
    rmSync(folder, { recursive: true });
  });

  const page = async (path: string): Promise<Response> => fetch(`${subject.venue.url}/web${path}`);

  test('come byte for byte with their type', async () => {
    const rates = await page('/rates.xml');
    expect([
      rates.headers.get('content-type'),
      [...new Uint8Array(await rates.arrayBuffer())],
    ]).toEqual(['application/xml', [0xcf, 0xf0]]);
    expect(await (await page('/robots.txt')).text()).toMatch(/^User-agent/);
  });

  test.each(['/absent.html', '/', '/..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd'])(
    'do not hold %s',
    async (path) => {
      expect((await page(path)).status).toBe(404);
    },
  );
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pino } from 'pino';
import { Value } from 'typebox/value';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { epochMs, formatInstant } from '#core/time.ts';
import { createManualClock } from '#platform/clock.ts';
import { collectedOf } from '../../scripts/stack/replay.ts';
import { createRecordedVenue, type RecordedVenue } from './recorded-venue.ts';
import { REPLAY_STATUS } from './replay-status.ts';

const SMALL = join(import.meta.dirname, '..', '..', 'tests', 'support', 'recordings-small');
const logger = pino({ level: 'silent' });
const SMALL_END = epochMs(1_748_964_720_000);
const MINUTE = 60_000;

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly json: unknown;
}

async function ask(venue: RecordedVenue, path: string): Promise<Answer> {
  const root = path.startsWith('/fapi/') ? venue.urls['binance-futures'].baseUrl : venue.url;
  const response = await fetch(root + path, { signal: AbortSignal.timeout(5_000) });
  return { status: response.status, headers: response.headers, json: await response.json() };
}

describe('the recorded venue', () => {
  let venue: RecordedVenue;
  beforeAll(async () => {
    venue = await createRecordedVenue({ directory: SMALL, mode: 'once', logger, weightLimit: 1e6 });
  });
  afterAll(async () => venue.close());

  test('answers ping, time and exchangeInfo', async () => {
    expect((await ask(venue, '/fapi/v1/ping')).json).toEqual({});
    expect((await ask(venue, '/fapi/v1/time')).json).toEqual({ serverTime: SMALL_END });
    expect((await ask(venue, '/fapi/v1/exchangeInfo')).json).toMatchObject({
      rateLimits: [
        { rateLimitType: 'REQUEST_WEIGHT', interval: 'MINUTE', intervalNum: 1, limit: 1e6 },
      ],
      symbols: [
        { symbol: 'BTCUSDT', status: 'TRADING', onboardDate: 1_741_687_200_000 },
        { symbol: 'ETHUSDT', baseAsset: 'ETH', quoteAsset: 'USDT', contractType: 'PERPETUAL' },
      ],
    });
  });

  test('sends 500 klines by default, the newest, and counts their weight', async () => {
    const before = await ask(venue, '/fapi/v1/time');
    const answer = await ask(venue, '/fapi/v1/klines?symbol=BTCUSDT&interval=1m');
    expect(answer.json).toHaveLength(500);
    expect((answer.json as number[][]).at(-1)?.[0]).toBe(SMALL_END - MINUTE);
    const used = (each: Answer): number => Number(each.headers.get('x-mbx-used-weight-1m'));
    // The clock minute may turn in between; then the count begins anew.
    expect([used(before) + 5, 5]).toContain(used(answer));
  });

  test('has no klines for an interval that was not recorded', async () => {
    expect((await ask(venue, '/fapi/v1/klines?symbol=BTCUSDT&interval=4h')).json).toEqual([]);
  });

  test.each([
    ['symbol=NOPEUSDT&interval=1m', -1121, 'Invalid symbol.'],
    ['symbol=BTCUSDT&interval=1s', -1120, 'Invalid interval.'],
    [
      'symbol=BTCUSDT&interval=1m&limit=1501',
      -1130,
      "Data sent for parameter 'limit' is not valid.",
    ],
    ['symbol=BTCUSDT&interval=1m&limit=0', -1130, "Data sent for parameter 'limit' is not valid."],
    [
      'symbol=BTCUSDT&interval=1m&limit=ten',
      -1130,
      "Data sent for parameter 'limit' is not valid.",
    ],
    [
      'symbol=BTCUSDT&interval=1m&startTime=now',
      -1130,
      "Data sent for parameter 'startTime' is not valid.",
    ],
    ['symbol=BTCUSDT&symbol=ETHUSDT', -1101, "Duplicate values for parameter 'symbol'."],
    [
      'interval=1m',
      -1102,
      "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.",
    ],
    [
      'symbol=BTCUSDT&interval=',
      -1102,
      "Mandatory parameter 'interval' was not sent, was empty/null, or malformed.",
    ],
  ])('refuses klines?%s with the documented body', async (query, code, msg) => {
    const answer = await ask(venue, `/fapi/v1/klines?${query}`);
    expect([answer.status, answer.json]).toEqual([400, { code, msg }]);
  });

  test('refuses as the real venue was measured to refuse', async () => {
    const path = '../../etl/extract/binance-futures/fixtures/errors-measured.json';
    const measured = JSON.parse(readFileSync(join(import.meta.dirname, path), 'utf8')) as {
      errors: { request: string; status?: number; body: unknown }[];
    };
    const queries = new Map([
      ['any route, unknown symbol', 'symbol=NOPEUSDT&interval=1m'],
      ['GET /fapi/v1/klines limit=1501', 'symbol=BTCUSDT&interval=1m&limit=1501'],
      ['GET /fapi/v1/klines interval=1s', 'symbol=BTCUSDT&interval=1s'],
    ]);
    const known = measured.errors.filter(({ request }) => queries.has(request));
    expect(known).toHaveLength(queries.size);
    for (const { request, status, body } of known) {
      const answer = await ask(venue, `/fapi/v1/klines?${queries.get(request)}`);
      expect([answer.status, answer.json], request).toEqual([status, body]);
    }
  });

  test('describes the replay by its schema', async () => {
    const { json } = await ask(venue, '/replay');
    expect(Value.Check(REPLAY_STATUS, json)).toBe(true);
    expect(json).toEqual(venue.status());
    expect(json).toMatchObject({ now: SMALL_END, end: SMALL_END, exhausted: true, speed: 0 });
  });
});

describe('limits of the recorded venue', () => {
  test('answer 429, then 418, with Retry-After and code -1003', async () => {
    const wallClock = createManualClock(epochMs(29_000_000 * MINUTE + 45_000));
    const options = { directory: SMALL, logger, weightLimit: 1, refusalsMax: 1, wallClock };
    const venue = await createRecordedVenue(options);
    try {
      const answers = [];
      for (let n = 0; n < 3; n += 1) answers.push(await ask(venue, '/fapi/v1/ping'));
      expect(answers.map(({ status }) => status)).toEqual([200, 429, 418]);
      expect(answers.map(({ headers }) => headers.get('retry-after'))).toEqual([null, '15', '120']);
      expect(answers[1]?.json).toMatchObject({ code: -1003, msg: /^Too many requests/ });
      expect(answers[2]?.json).toMatchObject({ code: -1003, msg: /IP banned until \d{13}\./ });
    } finally {
      await venue.close();
    }
  });
});

describe('a live replay', () => {
  test('starts in the middle of a short recording and shows the open candle as open', async () => {
    const clock = createManualClock(epochMs(SMALL_END - 90 * MINUTE + 1));
    const venue = await createRecordedVenue({ directory: SMALL, logger, clock });
    try {
      expect(venue.status()).toMatchObject({ start: SMALL_END - 300 * MINUTE, speed: 60 });
      const path = '/fapi/v1/klines?symbol=ETHUSDT&interval=1m&limit=2';
      const [closed, open] = (await ask(venue, path)).json as [unknown[], unknown[]];
      expect(closed[6]).toBe(SMALL_END - 90 * MINUTE - 1);
      expect(open.slice(5, 7)).toEqual([null, SMALL_END - 89 * MINUTE - 1]);
      expect(new Set(open.slice(1, 5)).size).toBe(1);
      clock.set(epochMs(SMALL_END - 89 * MINUTE));
      const [, ...rest] = (await ask(venue, path)).json as unknown[][];
      expect(rest[0]?.slice(1, 5)).not.toEqual(open.slice(1, 5));
    } finally {
      await venue.close();
    }
  });
});

describe('a replay of several venues', () => {
  test('begins and ends as the venue that was recorded last', async () => {
    const venue = await createRecordedVenue({ logger });
    try {
      const { start, end, series } = venue.status();
      expect([formatInstant(epochMs(start)), formatInstant(epochMs(end))]).toEqual([
        '2025-06-02T15:32:00.000Z',
        '2025-06-15T10:44:00.000Z',
      ]);
      expect(series.filter(({ exchange }) => exchange === 'binance-futures')).toHaveLength(5);
      const others = series.filter(({ exchange }) => exchange !== 'binance-futures');
      expect(
        others.map(({ exchange, marketType, symbol, interval, file }) => [
          `${exchange}|${marketType}|${symbol}|${interval}`,
          file,
        ]),
      ).toEqual([
        ['coinbase|spot|BTC/USD|1d', 'coinbase/BTC-USD-1d.csv.gz'],
        ['coinbase|spot|BTC/USD|1m', 'coinbase/BTC-USD-1m.csv.gz'],
        ['coinbase|spot|BTC/USD|5m', 'coinbase/BTC-USD-5m.csv.gz'],
        ['coinbase|spot|LTC/USD|1m', 'coinbase/LTC-USD-1m.csv.gz'],
        ['coinbase|spot|LTC/USD|5m', 'coinbase/LTC-USD-5m.csv.gz'],
        ['hyperliquid|perp|kPEPE/USDC|1h', 'hyperliquid/kPEPE-1h.csv.gz'],
      ]);
      expect(collectedOf(venue.status(), undefined).series).toHaveLength(5);
      expect(collectedOf(venue.status(), '/some/folder').series).toHaveLength(11);
    } finally {
      await venue.close();
    }
  });

  test('tells its streams by itself as its time passes', async () => {
    const venue = await createRecordedVenue({ directory: SMALL, logger, speed: 600 });
    const socket = new WebSocket(`${venue.urls['binance-futures'].streamUrl}/ws/btcusdt@kline_1m`);
    try {
      const closed = new Promise<unknown>((resolve) => {
        socket.on('message', (data: Buffer) => {
          const event = JSON.parse(data.toString('utf8')) as { k: { x: boolean } };
          if (event.k.x) resolve(event);
        });
      });
      expect(await closed).toMatchObject({ e: 'kline', s: 'BTCUSDT', k: { i: '1m', x: true } });
    } finally {
      socket.terminate();
      await venue.close();
    }
  });
});

describe('the recorded venue as a process', () => {
  const main = join(import.meta.dirname, 'main.ts');
  let folder = '';
  afterEach(() => {
    if (folder !== '') rmSync(folder, { recursive: true });
    folder = '';
  });

  async function run(...args: string[]) {
    const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    const errors: string[] = [];
    child.stderr.setEncoding('utf8').on('data', (text: string) => errors.push(text));
    const exit = once(child, 'exit') as Promise<[number | null, string | null]>;
    const line = new Promise<string>((resolve) => {
      createInterface(child.stdout)
        .once('line', resolve)
        .once('close', () => resolve(''));
    });
    return { child, line: await line, exit, stderr: () => errors.join('') };
  }

  test('says when it is ready, serves a folder, lists what it left out, ends on SIGTERM', async () => {
    folder = mkdtempSync(join(tmpdir(), 'wick-venue-'));
    cpSync(SMALL, folder, { recursive: true });
    writeFileSync(join(folder, 'HYPE-1m.csv'), '');
    const { child, line, exit, stderr } = await run('--port', '0', '--data', folder, '--once');
    const ready = JSON.parse(line) as { ready: boolean; port: number };
    expect(ready).toEqual({ ready: true, port: expect.any(Number) });
    const response = await fetch(`http://127.0.0.1:${ready.port}/replay`);
    expect(await response.json()).toMatchObject({
      rejected: [{ file: 'HYPE-1m.csv', reason: expect.stringMatching(/cannot be split/) }],
    });
    child.kill('SIGTERM');
    expect(await exit).toEqual([0, null]);
    expect(stderr()).toMatch(/HYPE-1m\.csv.*a recording is left out/);
  });

  test.each([
    [['--port', 'http'], 2, /--port is "http"/],
    [['--port', '70000'], 2, /--port is "70000"/],
    [['--speed', '0'], 2, /--speed is "0"/],
    [['--prot', '1'], 2, /--prot/],
    [['--data', '/nonexistent'], 1, /the folder ."\/nonexistent/],
  ])('with %j ends with exit code %i and says why', async (args, code, reason) => {
    const { exit, stderr, line } = await run(...args);
    expect([await exit, line]).toEqual([[code, null], '']);
    expect(stderr()).toMatch(reason);
  });
});

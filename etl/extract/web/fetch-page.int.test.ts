import { brotliCompressSync, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { zipSync } from 'fflate';
import { epochMs } from '#core/time.ts';
import { createManualClock } from '#platform/clock.ts';
import { capturedBytes } from '../../../tests/support/web-documents.ts';
import { startWebServer, type Answer, type WebServer } from '../../../tests/support/web-server.ts';
import { createPageFetcher, type PageFetcher, type PageFetcherOptions } from './fetch-page.ts';
import type { FetchPolicy, WebDocument } from './source.ts';

const START = epochMs(Date.UTC(2026, 10, 21));
const NEVER = new AbortController().signal;
const TEXT = { headers: { 'content-type': 'text/plain' }, body: 'rates' };

let clock: ReturnType<typeof createManualClock>;
let answers: Map<string, Answer | (() => Answer)>;
let server: WebServer;
let slept: number[];

beforeEach(async () => {
  clock = createManualClock(START);
  slept = [];
  answers = new Map<string, Answer>([['/a', TEXT]]);
  server = await startWebServer((path) => {
    const answer = answers.get(path);
    return typeof answer === 'function' ? answer() : answer;
  }, clock);
});
afterEach(() => server.close());

function open(
  options: Partial<PageFetcherOptions> = {},
  policy: Partial<FetchPolicy> = {},
): PageFetcher {
  return createPageFetcher({
    policy: {
      source: 'test',
      allowedHosts: [server.host],
      allowHttp: true,
      minimumIntervalMs: 1_000,
      ...policy,
    },
    clock,
    allowLoopback: true,
    random: () => 0,
    sleep: async (ms) => {
      slept.push(ms);
      clock.set(epochMs(clock.now() + ms));
    },
    ...options,
  });
}

function page(path: string, more: Partial<WebDocument> = {}): WebDocument {
  return { url: `${server.url}${path}`, kind: 'text', day: null, goodMs: 0, ...more };
}

const fetchOf = (fetcher: PageFetcher, path: string, more?: Partial<WebDocument>) =>
  fetcher.fetch(page(path, more), NEVER);

describe('a page', () => {
  test('comes as text with its address and the time of its arrival', async () => {
    await expect(fetchOf(open(), '/a')).resolves.toEqual({
      url: `${server.url}/a`,
      fetchedAt: START + 1_000,
      body: 'rates',
      validators: null,
    });
    expect(server.asked.at(-1)?.headers['user-agent']).toBe('wickstream');
  });

  test.each([
    ['gzip', gzipSync('rates')],
    ['br', brotliCompressSync('rates')],
  ])('may be compressed by %s', async (encoding, body) => {
    answers.set('/a', { headers: { ...TEXT.headers, 'content-encoding': encoding }, body });
    await expect(fetchOf(open(), '/a')).resolves.toMatchObject({ body: 'rates' });
  });

  test('may be a file in a zip', async () => {
    const body = zipSync({ 'hist.csv': Buffer.from('Date,USD,') });
    answers.set('/z', { headers: { 'content-type': 'application/zip' }, body });
    const zip = { kind: 'zip', entry: 'hist.csv' } as const;
    await expect(fetchOf(open(), '/z', zip)).resolves.toMatchObject({
      url: `${server.url}/z#hist.csv`,
      body: 'Date,USD,',
    });
  });

  test('that is HTML in place of XML is refused after the last attempt', async () => {
    const body = capturedBytes('bnb-failure.html');
    answers.set('/a', { headers: { 'content-type': 'text/html' }, body });
    await expect(fetchOf(open(), '/a', { kind: 'xml' })).rejects.toMatchObject({
      code: 'WICK_ETL_VENUE_PAYLOAD',
      message: expect.stringContaining('an HTML page where xml was expected'),
    });
    expect(server.paths()).toHaveLength(3);
  });
});

describe('a size', () => {
  test('beyond the bound ends the answer', async () => {
    answers.set('/a', { ...TEXT, body: 'x'.repeat(10_001) });
    await expect(fetchOf(open({ bytesMax: 10_000 }), '/a')).rejects.toMatchObject({
      code: 'WICK_ETL_SOURCE_FORBIDDEN',
      message: expect.stringContaining('sends more than 10000 bytes'),
    });
    answers.set('/a', { ...TEXT, body: 'x'.repeat(10_000) });
    await expect(fetchOf(open({ bytesMax: 10_000 }), '/a')).resolves.toBeDefined();
  });

  test.each([
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
  ])('beyond the bound after decompression ends a %s bomb', async (encoding, compress) => {
    const body = compress(Buffer.alloc(20_000_000));
    expect(body.length).toBeLessThan(30_000);
    answers.set('/a', { headers: { ...TEXT.headers, 'content-encoding': encoding }, body });
    await expect(fetchOf(open({ bytesMax: 1_000_000 }), '/a')).rejects.toMatchObject({
      code: 'WICK_ETL_SOURCE_FORBIDDEN',
      message: expect.stringContaining('unpacks to more than 1000000 bytes'),
    });
  });

  test('beyond the bound ends a zip bomb', async () => {
    const body = zipSync({ 'hist.csv': new Uint8Array(20_000_000) });
    answers.set('/z', { headers: { 'content-type': 'application/zip' }, body });
    const zip = { kind: 'zip', entry: 'hist.csv' } as const;
    await expect(fetchOf(open({ unzippedBytesMax: 1_000_000 }), '/z', zip)).rejects.toMatchObject({
      code: 'WICK_ETL_SOURCE_FORBIDDEN',
    });
  });

  test('of an answer that breaks off is no answer', async () => {
    const headers = { ...TEXT.headers, 'content-encoding': 'gzip' };
    answers.set('/a', { headers, body: gzipSync('rates').subarray(0, 15) });
    await expect(fetchOf(open(), '/a')).rejects.toMatchObject({ code: 'WICK_ETL_VENUE_PAYLOAD' });
  });
});

describe('an address', () => {
  test('of this machine is refused unless it is allowed, and nothing is asked there', async () => {
    await expect(fetchOf(open({ allowLoopback: false }), '/a')).rejects.toMatchObject({
      code: 'WICK_ETL_SOURCE_FORBIDDEN',
      message: expect.stringMatching(/not public \(loopback\).*WEB_ALLOW_LOOPBACK/),
    });
    expect(server.asked).toEqual([]);
  });

  test('that the name server tells later is not connected to: the checked one is', async () => {
    // It answers once with a good address and then with the one of the machine's secrets.
    const told: string[] = [];
    const resolve = async (host: string) => {
      told.push(host);
      return [{ address: told.length <= 2 ? '127.0.0.1' : '169.254.169.254', family: 4 }];
    };
    const host = `rates.example:${server.port}`;
    const fetcher = open({ resolve }, { allowedHosts: [host] });
    const at = { url: `http://${host}/a` };
    // Once for robots.txt and once for the page: never again between check and connection.
    await expect(fetchOf(fetcher, '/a', at)).resolves.toMatchObject({ body: 'rates' });
    expect(told).toEqual(['rates.example', 'rates.example']);
    expect(server.asked.at(-1)?.headers.host).toBe(host);
    await expect(fetchOf(fetcher, '/a', at)).rejects.toMatchObject({
      code: 'WICK_ETL_SOURCE_FORBIDDEN',
      message: expect.stringContaining('169.254.169.254'),
    });
  });

  test('that nobody knows is told and tried again', async () => {
    let asked = 0;
    const resolve = async () => {
      asked += 1;
      throw new Error('ENOTFOUND');
    };
    const fetcher = open({ resolve }, { allowedHosts: ['rates.example'] });
    await expect(fetchOf(fetcher, '/a', { url: 'http://rates.example/a' })).rejects.toMatchObject({
      code: 'WICK_ETL_VENUE_HTTP',
    });
    // What robots.txt says is not known for a minute, so later attempts do not even ask.
    expect(asked).toBe(1);
  });
});

describe('a redirect', () => {
  const to = (location: string): Answer => ({ status: 302, headers: { location } });

  test('is followed, up to three times', async () => {
    answers.set('/1', to('/2')).set('/2', to('/3')).set('/3', to('/a')).set('/0', to('/1'));
    await expect(fetchOf(open(), '/1')).resolves.toMatchObject({
      url: `${server.url}/1`,
      body: 'rates',
    });
    await expect(fetchOf(open(), '/0')).rejects.toMatchObject({
      code: 'WICK_ETL_SOURCE_FORBIDDEN',
      message: expect.stringContaining('redirects more than 3 times'),
    });
  });

  test.each([
    ['http://169.254.169.254/latest/meta-data', 'the host "169.254.169.254" is not among'],
    ['http://localhost/', 'the host "localhost" is not among'],
    ['//10.0.0.1/', 'the host "10.0.0.1" is not among'],
    ['file:///etc/passwd', 'the scheme "file:"'],
    ['http://user@127.0.0.1/', 'it carries a user'],
  ])('to %s is refused: %s', async (location, why) => {
    answers.set('/r', to(location));
    await expect(fetchOf(open(), '/r')).rejects.toMatchObject({
      code: 'WICK_ETL_SOURCE_FORBIDDEN',
      message: expect.stringContaining(why),
    });
  });

  test('to an allowed name with a private address is refused', async () => {
    const inner = 'inner.example';
    const resolve = async () => [{ address: '10.0.0.1', family: 4 }];
    answers.set('/r', to(`http://${inner}/`));
    const fetcher = open({ resolve }, { allowedHosts: [server.host, inner] });
    await expect(fetchOf(fetcher, '/r')).rejects.toMatchObject({
      code: 'WICK_ETL_SOURCE_FORBIDDEN',
      message: expect.stringContaining('10.0.0.1, which is not public (private)'),
    });
  });
});

describe('robots.txt', () => {
  const robots = (body: string): void => {
    answers.set('/robots.txt', { headers: { 'content-type': 'text/plain' }, body });
  };

  test('that forbids the page keeps it from being asked', async () => {
    robots('User-agent: *\nDisallow: /a\nAllow: /b\n');
    answers.set('/b', TEXT);
    const fetcher = open();
    await expect(fetchOf(fetcher, '/a')).rejects.toMatchObject({
      code: 'WICK_ETL_SOURCE_FORBIDDEN',
      message: expect.stringMatching(/line 2 of .*robots\.txt does not allow/),
    });
    await expect(fetchOf(fetcher, '/b')).resolves.toBeDefined();
    expect(server.paths()).toEqual(['/b']);
  });

  test('that speaks to us by name is heard', async () => {
    robots('User-agent: *\nDisallow:\n\nUser-agent: wickstream\nDisallow: /\n');
    await expect(fetchOf(open(), '/a')).rejects.toThrow('does not allow');
  });

  test('is asked once a day', async () => {
    const fetcher = open();
    const asks = () => server.asked.filter(({ path }) => path === '/robots.txt').length;
    await fetchOf(fetcher, '/a');
    await fetchOf(fetcher, '/a');
    expect(asks()).toBe(1);
    clock.set(epochMs(clock.now() + 24 * 60 * 60_000));
    await fetchOf(fetcher, '/a');
    expect(asks()).toBe(2);
  });

  test.each([404, 401, 403])('that is not there (%i) allows all', async (status) => {
    answers.set('/robots.txt', { status });
    await expect(fetchOf(open(), '/a')).resolves.toBeDefined();
  });

  test.each([500, 503, 429])('that cannot be told (%i) means: not now', async (status) => {
    answers.set('/robots.txt', { status });
    const fetcher = open();
    await expect(fetchOf(fetcher, '/a')).rejects.toMatchObject({
      code: 'WICK_ETL_VENUE_HTTP',
      retryable: true,
    });
    expect(server.paths()).toEqual([]);
    answers.delete('/robots.txt');
    clock.set(epochMs(clock.now() + 60_000));
    await expect(fetchOf(fetcher, '/a')).resolves.toBeDefined();
  });

  test.each([
    ['7', 7_000],
    ['0.5', 1_000],
    ['soon', 1_000],
    ['-3', 1_000],
  ])('may ask for a longer pause than is declared, by Crawl-delay %s', async (delay, ms) => {
    robots(`User-agent: *\nCrawl-delay: ${delay}\n`);
    const fetcher = open();
    await fetchOf(fetcher, '/a');
    await fetchOf(fetcher, '/a');
    const [first, second] = server.asked.slice(-2);
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBe(ms);
  });
});

describe('a host', () => {
  test('is asked at the minimum interval, robots.txt included', async () => {
    const fetcher = open({}, { minimumIntervalMs: 2_500 });
    for (let count = 0; count < 3; count += 1) await fetchOf(fetcher, '/a');
    expect(server.asked.map(({ at }) => at - START)).toEqual([0, 2_500, 5_000, 7_500]);
  });

  test('that is out of order is asked again, three times in all', async () => {
    answers.set('/a', { status: 500 });
    await expect(fetchOf(open(), '/a')).rejects.toMatchObject({
      code: 'WICK_ETL_VENUE_HTTP',
      message: expect.stringContaining('status 500'),
    });
    expect(server.paths()).toHaveLength(3);
    let asked = 0;
    answers.set('/a', () => {
      asked += 1;
      return asked === 1 ? { status: 502 } : TEXT;
    });
    await expect(fetchOf(open(), '/a')).resolves.toMatchObject({ body: 'rates' });
  });

  test('that is busy is left alone for as long as it says', async () => {
    let asked = 0;
    answers.set('/a', () => {
      asked += 1;
      return asked === 1 ? { status: 429, headers: { 'retry-after': '30' } } : TEXT;
    });
    await fetchOf(open(), '/a');
    expect(Math.max(...slept)).toBeGreaterThanOrEqual(30_000);
    answers.set('/a', { status: 503, headers: { 'retry-after': '3600' } });
    await expect(fetchOf(open(), '/a')).rejects.toMatchObject({
      code: 'WICK_ETL_VENUE_RATE_LIMITED',
      details: { retryAfterMs: 3_600_000 },
    });
  });

  test('that has no such page is not asked again', async () => {
    await expect(fetchOf(open(), '/none')).rejects.toMatchObject({ retryable: false });
    expect(server.paths()).toHaveLength(1);
  });
});

test('an abort ends a fetch, and is not taken for a failure', async () => {
  const leaving = new AbortController();
  const fetcher = open({
    sleep: async () => {
      leaving.abort(new Error('stopped'));
    },
  });
  await expect(fetcher.fetch(page('/a'), leaving.signal)).rejects.toThrow('stopped');
  expect(server.paths()).toEqual([]);
});

/** Documents whose server can say that they are still the same, through the cache that remembers them. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { epochMs } from '#core/time.ts';
import { createManualClock } from '#platform/clock.ts';
import { capturedBytes } from '../../../tests/support/web-documents.ts';
import { startWebServer, type Answer, type WebServer } from '../../../tests/support/web-server.ts';
import { createDocumentCache, type DocumentCache } from './document-cache.ts';
import { createEcbSource } from './ecb/source.ts';
import { createPageFetcher } from './fetch-page.ts';
import type { WebDocument } from './source.ts';

const START = epochMs(Date.UTC(2026, 10, 21));
const GOOD_MS = 60_000;
const CHANGED = 'Sat, 21 Nov 2026 00:00:00 GMT';
const BODY = capturedBytes('ecb-eurofxref-daily.xml');

let clock: ReturnType<typeof createManualClock>;
let server: WebServer;
let cache: DocumentCache;
/** What the document is now. */
let etag: string | null;
let lastModified: string | null;
/** Statuses of the answers, robots.txt apart. */
let statuses: number[];
let always304: boolean;

beforeEach(async () => {
  clock = createManualClock(START);
  [etag, lastModified, statuses, always304] = ['"one"', null, [], false];
  server = await startWebServer((path, headers) => {
    if (path === '/robots.txt') return undefined;
    if (path === '/old.xml') return { status: 302, headers: { location: '/rates.xml' } };
    const isSame =
      (etag !== null && headers['if-none-match'] === etag) ||
      (etag === null && lastModified !== null && headers['if-modified-since'] === lastModified);
    const answer = isSame || always304 ? { status: 304 } : whole();
    statuses.push(answer.status ?? 200);
    return answer;
  }, clock);
  const source = createEcbSource(server.url);
  const fetcher = createPageFetcher({
    policy: source.policy,
    clock,
    allowLoopback: true,
    random: () => 0,
    sleep: async (ms) => clock.set(epochMs(clock.now() + ms)),
  });
  cache = createDocumentCache(source, fetcher, clock);
});
afterEach(async () => {
  cache.close();
  await server.close();
});

function whole(): Answer {
  return {
    headers: {
      'content-type': 'text/xml',
      ...(etag === null ? {} : { etag }),
      ...(lastModified === null ? {} : { 'last-modified': lastModified }),
    },
    body: BODY,
  };
}

const get = (path = '/rates.xml') => {
  const document: WebDocument = {
    url: `${server.url}${path}`,
    kind: 'xml',
    day: null,
    goodMs: GOOD_MS,
  };
  return cache.get(document);
};
const later = (): void => clock.set(epochMs(clock.now() + GOOD_MS));

test.each([
  ['its tag', '"one"', null],
  ['the time of its last change', null, CHANGED],
])('is not sent again while it is the same, by %s', async (_by, tag, time) => {
  [etag, lastModified] = [tag, time];
  const first = await get();
  later();
  const again = await get();
  expect(statuses).toEqual([200, 304]);
  expect(again.sheet).toBe(first.sheet);
  expect(again.raw.body).toBe(first.raw.body);
  // It is what the server has now, so that a day that is over since then counts as over.
  expect(again.raw.fetchedAt).toBeGreaterThanOrEqual(first.raw.fetchedAt + GOOD_MS);
  await get();
  expect(statuses).toHaveLength(2);
  later();
  await get();
  expect(statuses).toEqual([200, 304, 304]);
});

test('is sent whole once it has changed', async () => {
  const first = await get();
  etag = '"two"';
  later();
  const again = await get();
  expect(statuses).toEqual([200, 200]);
  expect(again.sheet).not.toBe(first.sheet);
  later();
  await get();
  expect(server.asked.at(-1)?.headers['if-none-match']).toBe('"two"');
});

test('is asked for whole where its server gives nothing to recognise it by', async () => {
  etag = null;
  await get();
  later();
  await get();
  expect(statuses).toEqual([200, 200]);
  const last = server.asked.at(-1)?.headers ?? {};
  expect([last['if-none-match'], last['if-modified-since']]).toEqual([undefined, undefined]);
});

test('is recognised only at the address that answered, not at one that redirects there', async () => {
  await get('/old.xml');
  later();
  await get('/old.xml');
  expect(statuses).toEqual([200, 304]);
  const asked = server.asked.slice(-2).map(({ path, headers }) => [path, headers['if-none-match']]);
  expect(asked).toEqual([
    ['/old.xml', undefined],
    ['/rates.xml', '"one"'],
  ]);
});

test('that was never sent cannot be the same: such an answer is refused', async () => {
  always304 = true;
  await expect(get()).rejects.toMatchObject({
    code: 'WICK_ETL_VENUE_HTTP',
    details: { status: 304 },
  });
});

test('with a tag longer than 300 characters is asked for whole', async () => {
  etag = `"${'x'.repeat(300)}"`;
  await get();
  later();
  await get();
  expect(statuses).toEqual([200, 200]);
});

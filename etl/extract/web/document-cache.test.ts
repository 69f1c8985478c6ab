import { describe, expect, test } from 'vitest';
import { epochMs } from '#core/time.ts';
import { createManualClock } from '#platform/clock.ts';
import { createDocumentCache } from './document-cache.ts';
import type { PageFetcher } from './fetch-page.ts';
import type { RateSheet, WebDocument, WebSource } from './source.ts';

const NOTHING: RateSheet = { listings: [], oldest: null, cells: () => [] };
const SOURCE: WebSource = {
  id: 'test',
  marketType: 'fx',
  calendar: 'weekdays',
  policy: { source: 'test', allowedHosts: [], allowHttp: false, minimumIntervalMs: 0 },
  listing: () => [],
  plan: () => ({ use: 'each', documents: [] }),
  read: () => NOTHING,
};
const documentOf = (name: string): WebDocument => ({
  url: `https://rates.example/${name}`,
  kind: 'text',
  day: null,
  goodMs: 60_000,
});

/** A cache over a fetcher that answers when it is let. */
function create(body = 'x', source = SOURCE) {
  const clock = createManualClock(epochMs(Date.UTC(2026, 10, 21)));
  const asked: string[] = [];
  let gate = Promise.withResolvers<void>();
  gate.resolve();
  const fetcher: PageFetcher = {
    fetch: async ({ url }, signal) => {
      asked.push(url.replace(/.*\//, ''));
      await gate.promise;
      signal.throwIfAborted();
      return { url, fetchedAt: clock.now(), body, validators: null };
    },
  };
  const cache = createDocumentCache(source, fetcher, clock);
  const hold = (): (() => void) => {
    gate = Promise.withResolvers<void>();
    return gate.resolve;
  };
  return { clock, asked, cache, hold };
}

describe('a document', () => {
  test('that several ask for at once is fetched once', async () => {
    const { cache, asked, hold } = create();
    const release = hold();
    const all = Promise.all([1, 2, 3].map(() => cache.get(documentOf('a'))));
    release();
    expect(new Set((await all).map(({ sheet }) => sheet)).size).toBe(1);
    expect(asked).toEqual(['a']);
  });

  test('is left by one caller without being lost to the others', async () => {
    const { cache, asked, hold } = create();
    const release = hold();
    const leaving = new AbortController();
    const left = cache.get(documentOf('a'), leaving.signal);
    const stayed = cache.get(documentOf('a'));
    leaving.abort(new Error('stopped'));
    await expect(left).rejects.toThrow('stopped');
    release();
    await expect(stayed).resolves.toBeDefined();
    expect(asked).toEqual(['a']);
  });

  test('that could not be read is asked for again', async () => {
    let broken = true;
    const read = (): RateSheet => {
      if (broken) throw new Error('unreadable');
      return NOTHING;
    };
    const { cache, asked } = create('x', { ...SOURCE, read });
    await expect(cache.get(documentOf('a'))).rejects.toThrow('unreadable');
    broken = false;
    await expect(cache.get(documentOf('a'))).resolves.toBeDefined();
    expect(asked).toEqual(['a', 'a']);
  });

  test('is good until its time is over', async () => {
    const { cache, asked, clock } = create();
    await cache.get(documentOf('a'));
    clock.set(epochMs(clock.now() + 59_999));
    await cache.get(documentOf('a'));
    expect(asked).toHaveLength(1);
    clock.set(epochMs(clock.now() + 1));
    await cache.get(documentOf('a'));
    expect(asked).toHaveLength(2);
  });

  test('is forgotten, oldest first, where there are more than 400', async () => {
    const { cache, asked } = create();
    for (let index = 0; index <= 400; index += 1) await cache.get(documentOf(String(index)));
    await cache.get(documentOf('1'));
    await cache.get(documentOf('400'));
    expect(asked).toHaveLength(401);
    await cache.get(documentOf('0'));
    expect(asked).toHaveLength(402);
  });

  test('is forgotten, oldest first, where there are more than 32 Mi characters', async () => {
    const { cache, asked } = create('x'.repeat(15 * 1024 * 1024));
    for (const name of ['a', 'b', 'c', 'c', 'b']) await cache.get(documentOf(name));
    expect(asked).toEqual(['a', 'b', 'c']);
    await cache.get(documentOf('a'));
    expect(asked).toEqual(['a', 'b', 'c', 'a']);
  });

  test('under way is ended by closing', async () => {
    const { cache, hold } = create();
    const release = hold();
    const pending = cache.get(documentOf('a'));
    cache.close();
    release();
    await expect(pending).rejects.toThrow('test was closed');
  });
});

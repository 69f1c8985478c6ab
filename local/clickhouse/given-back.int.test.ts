/**
 * What a query holds in the engine, a connection and some MB, is given back when it ends: also when its
 * client left before it began, and while others still run. The engine's own count of queries is the witness.
 */
import { request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestFront, type TestFront, until } from './test-front.ts';

/** Queries that never ended would take the places one by one. */
const PLACES = 4;
const CLIENTS = 300;
/** Between the arrival of a query and its first row there are some milliseconds. */
const LEAVE_MS_MAX = 12;
const SMALL_QUERIES = 100;
const HELD = "SELECT value FROM system.metrics WHERE metric = 'Query'";
const LONG = 'SELECT max(sipHash64(number)) FROM numbers(1000000000000) SETTINGS max_threads = 1';

let test: TestFront;
beforeAll(async () => {
  test = await startTestFront({ runningQueriesMax: PLACES, killRepeatMs: 100 });
});
afterAll(() => test.stop());

/** Bytes that the engine believes to have given out. */
async function tracked(): Promise<number> {
  const query = "SELECT value FROM system.metrics WHERE metric = 'MemoryTracking'";
  return Number((await test.send('/', query)).text);
}

async function held(): Promise<number> {
  return Number((await test.send('/', HELD)).text);
}

/** Asks, and leaves after so many ms, whatever came. */
async function askAndLeave(query: string, afterMs: number): Promise<void> {
  const outgoing = request({
    port: test.front.port,
    host: '127.0.0.1',
    method: 'POST',
    auth: `${test.user}:${test.password}`,
  });
  outgoing.on('response', (response) => response.resume().on('error', () => undefined));
  outgoing.on('error', () => undefined);
  outgoing.end(query);
  await delay(afterMs);
  outgoing.destroy();
}

it('by queries whose clients leave at any moment', async () => {
  for (let client = 0; client < CLIENTS; client += PLACES) {
    const leaving = Array.from({ length: PLACES }, (_, index) =>
      askAndLeave('SELECT number FROM numbers(100000)', (client + index) % LEAVE_MS_MAX),
    );
    await Promise.all(leaving);
  }
  await until('only the asking query is left', async () => (await held()) === 1);
});

it('while another query still runs', async () => {
  await test.client.command({ query: 'CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a' });
  const before = await tracked();
  const leave = new AbortController();
  const long = test.client
    .query({ query: LONG, abort_signal: leave.signal })
    .catch(() => undefined);
  await until('the long query runs', async () => (await held()) === 2);
  for (let count = 0; count < SMALL_QUERIES; count += 1) {
    expect((await test.send('/', 'SELECT count() FROM t')).text).toBe('0\n');
  }
  expect((await tracked()) - before).toBeLessThan(SMALL_QUERIES * 500_000);
  leave.abort();
  await long;
  await until('the long query is gone', async () => (await held()) === 1);
});

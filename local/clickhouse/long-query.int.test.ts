/**
 * What goes on while a query runs for long, and what ends it: a client that leaves, KILL QUERY, bounds on how many run.
 * The engine's own list of processes is the witness.
 */
import { execFileSync } from 'node:child_process';
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestFront, type TestFront, until } from './test-front.ts';

/** Twenty seconds, unless something ends it. */
const TWENTY_SECONDS =
  'SELECT sum(sleepEachRow(1)) FROM numbers(20) SETTINGS max_threads = 1, max_block_size = 1, function_sleep_max_microseconds_per_block = 0';
const CPU_HEAVY = 'SELECT max(sipHash64(number)) FROM numbers(1000000000000)';
const ENDLESS_ROWS = 'SELECT number FROM numbers(1000000000000)';

let test: TestFront;
beforeAll(async () => {
  test = await startTestFront();
  await test.client.command({
    query: 'CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a',
  });
});
afterAll(() => test.stop());

async function one(query: string): Promise<string> {
  return (await test.send('/', query)).text.trimEnd();
}

/** Queries the engine runs whose text starts so. */
async function running(text: string): Promise<number> {
  return Number(
    await one(
      `SELECT count() FROM system.processes WHERE startsWith(query, '${text}') AND query NOT LIKE '%system.processes%'`,
    ),
  );
}

/** Sends a query and leaves when told to, in the middle of it. */
function ask(query: string): { leave: () => void } {
  const outgoing = request({
    port: test.front.port,
    host: '127.0.0.1',
    method: 'POST',
    auth: `${test.user}:${test.password}`,
  });
  outgoing.on('response', (response) => response.resume().on('error', () => {}));
  outgoing.on('error', () => {});
  outgoing.end(query);
  return { leave: () => outgoing.destroy() };
}

describe('while a query of twenty seconds runs', () => {
  it('pings, inserts and selects go on, and it ends when its client leaves', async () => {
    const slow = ask(TWENTY_SECONDS);
    await until('the slow query runs', async () => (await running('SELECT sum(sleep')) === 1);
    const row = Buffer.alloc(8);
    for (let count = 1; count <= 20; count += 1) {
      const inserted = await test.send('/?query=INSERT%20INTO%20t%20FORMAT%20RowBinary', row);
      expect([inserted.status, inserted.text]).toEqual([200, '']);
      expect((await test.send('/ping')).text).toBe('Ok.\n');
      expect(await one('SELECT count() FROM t')).toBe(String(count));
    }
    expect(await running('SELECT sum(sleep')).toBe(1);
    slow.leave();
    const ended = async (): Promise<boolean> => (await running('SELECT sum(sleep')) === 0;
    await until('the slow query ends, long before its time', ended, 8000);
  });

  it('other bound queries go on', async () => {
    const waiting = test.send(
      '/?param_s=1',
      TWENTY_SECONDS.replace('sleepEachRow(1)', 'sleepEachRow({s:UInt8})'),
    );
    await until('the bound query runs', async () => (await running('SELECT sum(sleep')) === 1);
    expect((await test.send('/?param_b=7', 'SELECT {b:UInt8}')).text).toBe('7\n');
    await one(`KILL QUERY WHERE startsWith(query, 'SELECT sum(sleep')`);
    expect((await waiting).headers['x-clickhouse-exception-code']).toBe('394');
  });
});

describe('a client that leaves', () => {
  it.each([
    ['a query that computes', CPU_HEAVY],
    ['a query that sends rows', ENDLESS_ROWS],
  ])('ends %s', async (_what, query) => {
    const slow = ask(query);
    await until('the query runs', async () => (await running(query.slice(0, 20))) === 1);
    slow.leave();
    await until('the query ends', async () => (await running(query.slice(0, 20))) === 0);
  });
});

describe('KILL QUERY', () => {
  it('ends a query by the id that its client chose', async () => {
    const slow = test.send('/?query_id=my-query', TWENTY_SECONDS);
    await until('the query runs', async () => (await running('SELECT sum(sleep')) === 1);
    const second = await test.send('/?query_id=my-query', 'SELECT 1');
    expect(second.headers['x-clickhouse-exception-code']).toBe('216');
    const killed = await test.client.query({
      query: 'KILL QUERY WHERE query_id = {id:String} SYNC',
      query_params: { id: 'my-query' },
      format: 'JSONEachRow',
    });
    expect(await killed.json()).toHaveLength(1);
    expect((await slow).headers['x-clickhouse-exception-code']).toBe('394');
  });
});

describe('a result of 50 million rows', () => {
  it('streams to a slow reader in bounded memory', async () => {
    const before = memoryMb();
    let most = 0;
    let bytes = 0;
    let sampleAt = 0;
    await new Promise<void>((resolve, reject) => {
      const outgoing = request(
        {
          port: test.front.port,
          host: '127.0.0.1',
          method: 'POST',
          auth: `${test.user}:${test.password}`,
        },
        (response) => {
          response.on('data', (chunk: Buffer) => {
            bytes += chunk.length;
            if (bytes < sampleAt) return;
            sampleAt += 20_000_000;
            most = Math.max(most, memoryMb());
            response.pause();
            setImmediate(() => response.resume());
          });
          response.on('end', resolve);
          response.on('error', reject);
        },
      );
      outgoing.on('error', reject);
      outgoing.end('SELECT number FROM numbers(50000000) FORMAT RowBinary');
    });
    expect(bytes).toBe(400_000_000);
    // The result is 400 MB; a copy of it anywhere would be seen.
    expect(most - before).toBeLessThan(200);
  });
});

/** Resident memory of this process, where the HTTP side runs, and of the engine. */
function memoryMb(): number {
  const engine = execFileSync('ps', ['-o', 'rss=', '-p', String(test.front.enginePid)]).toString();
  return process.memoryUsage.rss() / 1e6 + Number(engine) / 1e3;
}

describe('the number of queries at once', () => {
  it('is bounded, and so is the line before them', async () => {
    const small = await startTestFront({ runningQueriesMax: 2, waitingQueriesMax: 1 });
    try {
      const answers = Array.from({ length: 4 }, () => small.send('/', 'SELECT sleep(1)'));
      const statuses = (await Promise.all(answers)).map((answer) =>
        String(answer.headers['x-clickhouse-exception-code'] ?? answer.status),
      );
      expect(statuses.sort()).toEqual(['200', '200', '200', '202']);
      const sessions = await small.send('/?session_id=a', 'SELECT 1');
      expect(sessions.status).toBe(200);
    } finally {
      await small.stop();
    }
  });

  it('is one in a session', async () => {
    const first = test.send('/?session_id=one', 'SELECT sleep(1)');
    await until('the first runs', async () => (await running('SELECT sleep(1)')) === 1);
    const second = await test.send('/?session_id=one', 'SELECT 1');
    expect(second.headers['x-clickhouse-exception-code']).toBe('373');
    expect((await first).status).toBe(200);
    expect((await test.send('/?session_id=one&close_session=1', 'SELECT 1')).text).toBe('1\n');
    const gone = await test.send('/?session_id=one&session_check=1', 'SELECT 1');
    expect(gone.headers['x-clickhouse-exception-code']).toBe('372');
  });
});

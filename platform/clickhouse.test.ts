/** What goes over the wire to ClickHouse, seen by a server that only listens. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createClickHouse, insertNative, readRows, type ClickHouseClient } from './clickhouse.ts';

interface Seen {
  readonly parameters: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

let server: Server;
let client: ClickHouseClient;
let seen: Seen[] = [];
let answer: (response: ServerResponse) => void;

beforeEach(async () => {
  seen = [];
  answer = (response) => response.end();
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { searchParams } = new URL(request.url ?? '', 'http://clickhouse');
      seen.push({
        parameters: searchParams,
        headers: request.headers,
        body: Buffer.concat(chunks),
      });
      answer(response);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  client = createClickHouse({
    host: '127.0.0.1',
    port: typeof address === 'object' && address !== null ? address.port : 0,
    database: 'wick_test',
    user: 'wick',
    password: 'secret',
    application: 'wickstream-test',
  });
});

afterEach(async () => {
  await client.close();
  server.closeAllConnections();
  await new Promise((resolve) => {
    server.close(resolve);
  });
});

describe('an insert', () => {
  const insert = (body: Buffer) => insertNative(client, 'candles', body);

  test('names its table, and sends the bytes as they are', async () => {
    const body = Buffer.from(Array.from({ length: 100_000 }, (_, index) => index % 256));
    await insert(body);
    expect(seen).toHaveLength(1);
    expect(seen[0]?.parameters.get('query')?.trim()).toBe('insert into candles format Native');
    expect(seen[0]?.body.equals(body)).toBe(true);
  });

  test('is written when it is acknowledged, and never dropped as seen before', async () => {
    await insert(Buffer.from([1]));
    const { parameters } = seen[0]!;
    const pinned = ['async_insert', 'wait_for_async_insert', 'insert_deduplicate'];
    expect(pinned.map((name) => `${name}=${parameters.get(name)}`)).toEqual([
      'async_insert=0',
      'wait_for_async_insert=1',
      'insert_deduplicate=0',
    ]);
    expect(parameters.get('optimize_on_insert')).toBe('0');
    expect(parameters.get('database')).toBe('wick_test');
  });

  test('says who sends it', async () => {
    await insert(Buffer.from([1]));
    const { headers } = seen[0]!;
    const login = Buffer.from('wick:secret').toString('base64');
    expect(headers.authorization).toBe(`Basic ${login}`);
    expect(headers['user-agent']).toContain('wickstream-test');
  });

  test('that is refused rejects with what the server says', async () => {
    answer = (response) => {
      response.writeHead(500, { 'x-clickhouse-exception-code': '60' });
      response.end('Code: 60. DB::Exception: Table candles does not exist. (UNKNOWN_TABLE)');
    };
    await expect(insert(Buffer.from([1]))).rejects.toThrow('Table candles does not exist');
  });

  test('whose error comes after the headers rejects although its status is 200', async () => {
    answer = (response) => {
      response.writeHead(200);
      response.end('Code: 241. DB::Exception: Memory limit exceeded');
    };
    await expect(insert(Buffer.from([1]))).rejects.toMatchObject({
      code: 'WICK_STORE_UNREACHABLE',
      retryable: true,
      message: expect.stringContaining('Memory limit exceeded'),
    });
  });

  test('whose connection breaks rejects', async () => {
    answer = (response) => response.destroy();
    await expect(insert(Buffer.from([1]))).rejects.toThrow(/socket hang up|ECONNRESET/);
  });

  test('leaves the connection to the next one', async () => {
    const sockets = new Set<number | undefined>();
    server.on('request', (request: IncomingMessage) => sockets.add(request.socket.remotePort));
    for (let count = 0; count < 5; count += 1) await insert(Buffer.from([count]));
    expect([seen.length, sockets.size]).toEqual([5, 1]);
  });
});

describe('a query', () => {
  test('asks for decimals, large integers and times as exact texts', async () => {
    answer = (response) => response.end('{"a":"1.5"}\n{"a":"2"}\n');
    const rows = await readRows<{ a: string }>(client, 'select a from t where b = {b:String}', {
      b: 'x',
    });
    expect(rows).toEqual([{ a: '1.5' }, { a: '2' }]);
    const { parameters, body } = seen[0]!;
    expect(body.toString()).toContain('select a from t where b = {b:String}');
    expect(parameters.get('param_b')).toBe('x');
    expect(parameters.get('output_format_json_quote_decimals')).toBe('1');
    expect(parameters.get('output_format_json_quote_64bit_integers')).toBe('1');
    expect(parameters.get('date_time_output_format')).toBe('iso');
  });
});

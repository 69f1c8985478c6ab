/**
 * The HTTP interface as `@clickhouse/client` and a bare HTTP client see it: parameters, formats, inserts, sessions,
 * errors and bounds, each on the real engine.
 */
import { Readable } from 'node:stream';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient } from '@clickhouse/client';
import { startTestFront, type TestFront } from './test-front.ts';

let test: TestFront;
beforeAll(async () => {
  test = await startTestFront();
  await test.client.command({ query: 'CREATE DATABASE w' });
});
afterAll(() => test.stop());

async function rows(
  query: string,
  options: {
    query_params?: Record<string, unknown>;
    clickhouse_settings?: Record<string, string | number>;
  } = {},
): Promise<unknown[]> {
  const result = await test.client.query({ query, format: 'JSONEachRow', ...options });
  return result.json();
}

describe('@clickhouse/client', () => {
  it('pings, with the query endpoint too', async () => {
    expect(await test.client.ping()).toEqual({ success: true });
    expect(await test.client.ping({ select: true })).toMatchObject({ success: true });
  });

  it('binds parameters of every kind exactly', async () => {
    const text = `it's "q" \\ \n\r\t \0 é 漢 🕯 ); DROP TABLE x --`;
    const [row] = await rows(
      `SELECT {s:String} = {s:String} AS same, hex({s:String}) AS hex, {a:Array(String)} AS a,
              toString({u:UInt128}) AS u, {t:DateTime64(3, 'UTC')} AS t, {n:Nullable(Int8)} AS n,
              {d:Decimal(38, 18)} AS d, {m:Map(String, UInt8)} AS m FROM system.{table:Identifier} LIMIT {l:UInt8}`,
      {
        query_params: {
          s: text,
          a: ["a'b", 'c\\d'],
          u: '340282366920938463463374607431768211455',
          t: new Date(1_700_000_000_123),
          n: null,
          d: '12345678901234567890.123456789012345678',
          m: { k: 1 },
          table: 'one',
          l: 1,
        },
        clickhouse_settings: { output_format_json_quote_decimals: 1 },
      },
    );
    expect(row).toEqual({
      same: 1,
      hex: Buffer.from(text).toString('hex').toUpperCase(),
      a: ["a'b", 'c\\d'],
      u: '340282366920938463463374607431768211455',
      t: '2023-11-14 22:13:20.123',
      n: null,
      d: '12345678901234567890.123456789012345678',
      m: { k: 1 },
    });
  });

  it('sends long parameters as a form', async () => {
    const long = 'x'.repeat(300_000);
    const result = await test.client.query({
      query: 'SELECT length({s:String}) AS n',
      query_params: { s: long },
      use_multipart_params_auto: true,
      format: 'JSONEachRow',
    });
    expect(await result.json()).toEqual([{ n: 300_000 }]);
  });

  it('inserts JSONEachRow, with defaults of columns left out, and gzip both ways', async () => {
    await test.client.command({
      query: `CREATE TABLE w.json (a UInt64, b String DEFAULT concat('d', toString(a)), c Decimal(38, 18)) ENGINE = MergeTree ORDER BY a`,
    });
    const zipped = createClient({
      url: `http://127.0.0.1:${test.front.port}`,
      username: test.user,
      password: test.password,
      database: 'w',
      compression: { request: true, response: true },
    });
    const values = Array.from({ length: 5000 }, (_, a) => ({ a, c: `${a}.000000000000000001` }));
    const inserted = await zipped.insert({ table: 'json', values, format: 'JSONEachRow' });
    expect(inserted.summary?.written_rows).toBe('5000');
    const result = await zipped.query({
      query: 'SELECT b, toString(c) AS c FROM json ORDER BY a',
      format: 'JSONEachRow',
    });
    expect((await result.json()).at(-1)).toEqual({ b: 'd4999', c: '4999.000000000000000001' });
    await zipped.close();
  });

  it('inserts VALUES with expressions and parameters, and selects into a table', async () => {
    await test.client.command({
      query: 'CREATE TABLE w.v (a UInt64, b String) ENGINE = MergeTree ORDER BY a',
    });
    await test.client.command({
      query: `INSERT INTO w.v VALUES (1, 'x; y''z'), ({n:UInt64}, concat({s:String}, 'b'))`,
      query_params: { n: 2, s: 'a' },
    });
    await test.client.command({ query: `INSERT INTO w.v SELECT a + 10, b FROM w.v` });
    expect(await rows('SELECT a, b FROM w.v ORDER BY a')).toEqual(
      [
        { a: '1', b: "x; y'z" },
        { a: '2', b: 'ab' },
        { a: '11', b: "x; y'z" },
        { a: '12', b: 'ab' },
      ].map((row) => ({ ...row, a: Number(row.a) })),
    );
  });

  it('inserts RowBinary as a stream and reads rows back in Native and Parquet', async () => {
    await test.client.command({
      query: 'CREATE TABLE w.bin (a UInt64) ENGINE = MergeTree ORDER BY a',
    });
    const binary = Buffer.alloc(8 * 1000);
    for (let at = 0; at < 1000; at += 1) binary.writeBigUInt64LE(BigInt(at), at * 8);
    const { stream } = await test.client.exec({
      query: 'INSERT INTO w.bin FORMAT RowBinary',
      values: Readable.from([binary]),
    });
    stream.resume();
    const back = await test.send('/', 'SELECT a FROM w.bin ORDER BY a FORMAT RowBinary');
    expect(back.body.equals(binary)).toBe(true);
    const native = await test.send('/?default_format=Native', 'SELECT a FROM w.bin ORDER BY a');
    expect(native.headers['x-clickhouse-format']).toBe('Native');
    await test.client.command({ query: 'TRUNCATE TABLE w.bin' });
    const again = await test.send('/?query=INSERT%20INTO%20w.bin%20FORMAT%20Native', native.body);
    expect([again.status, again.text]).toEqual([200, '']);
    expect(await rows('SELECT count() AS n, sum(a) AS s FROM w.bin')).toEqual([
      { n: 1000, s: 499_500 },
    ]);
    const parquet = await test.send('/', 'SELECT a FROM w.bin FORMAT Parquet');
    expect(parquet.body.subarray(0, 4).toString()).toBe('PAR1');
  });

  it('reads JSON, JSONCompactEachRow, CSV and TSV', async () => {
    const json = await test.client.query({ query: 'SELECT 1 AS a', format: 'JSON' });
    expect(await json.json()).toMatchObject({ data: [{ a: 1 }], rows: 1 });
    const text = async (
      format: 'JSONCompactEachRow' | 'CSVWithNames' | 'TabSeparated',
    ): Promise<string> =>
      (await test.client.query({ query: `SELECT 1 AS a, 'x\ty' AS b`, format })).text();
    expect(await text('JSONCompactEachRow')).toBe('[1, "x\\ty"]\n');
    expect(await text('CSVWithNames')).toBe('"a","b"\n1,"x\ty"\n');
    expect(await text('TabSeparated')).toBe('1\tx\\ty\n');
  });

  it('keeps a ReplacingMergeTree of UInt128 versions and deletions exact', async () => {
    await test.client.command({
      query: `CREATE TABLE w.r (k UInt8, v Decimal(38, 18), version UInt128, is_deleted UInt8)
              ENGINE = ReplacingMergeTree(version, is_deleted) ORDER BY k`,
    });
    const one = '340282366920938463463374607431768211454';
    const two = '340282366920938463463374607431768211455';
    const insert = (values: object[]): Promise<unknown> =>
      test.client.insert({ table: 'w.r', values, format: 'JSONEachRow' });
    await insert([
      { k: 1, v: '2', version: two, is_deleted: 0 },
      { k: 2, v: '1', version: one, is_deleted: 0 },
    ]);
    await insert([
      { k: 1, v: '1', version: one, is_deleted: 0 },
      { k: 2, v: '0', version: two, is_deleted: 1 },
    ]);
    expect(
      await rows('SELECT k, toString(v) AS v, toString(version) AS version FROM w.r FINAL'),
    ).toEqual([{ k: 1, v: '2', version: two }]);
    await test.client.command({ query: 'CREATE VIEW w.rv AS SELECT k FROM w.r FINAL' });
    expect(await rows('SELECT * FROM w.rv')).toEqual([{ k: 1 }]);
  });

  it('writes an insert with the same token once', async () => {
    await test.client.command({
      query: `CREATE TABLE w.dedup (a UInt64) ENGINE = MergeTree ORDER BY a SETTINGS non_replicated_deduplication_window = 100`,
    });
    for (const token of ['t1', 't1', 't2']) {
      await test.client.insert({
        table: 'w.dedup',
        values: [{ a: 1 }],
        format: 'JSONEachRow',
        clickhouse_settings: {
          insert_deduplication_token: token,
          insert_deduplicate: 1,
          async_insert: 0,
        },
      });
    }
    expect(await rows('SELECT count() AS n FROM w.dedup')).toEqual([{ n: 2 }]);
  });

  it('reports errors with code and type', async () => {
    await expect(rows('SELECT * FROM nope')).rejects.toMatchObject({
      code: '60',
      type: 'UNKNOWN_TABLE',
    });
    await expect(rows('selec 1')).rejects.toMatchObject({ code: '62', type: 'SYNTAX_ERROR' });
    await expect(rows('SELECT {x:UInt8}')).rejects.toMatchObject({ code: '456' });
    await expect(rows('SELECT {x:UInt8}', { query_params: { x: 'y' } })).rejects.toMatchObject({
      code: '457',
    });
    await expect(
      rows('SELECT 1', { clickhouse_settings: { no_such_setting: 1 } }),
    ).rejects.toMatchObject({ code: '115' });
  });

  it('keeps temporary tables and SET in a session, and URL settings out of it', async () => {
    const session_id = 'session-1';
    const ask = async (query: string, settings: Record<string, string> = {}): Promise<string> => {
      const result = await test.client.query({
        query,
        session_id,
        format: 'TabSeparated',
        clickhouse_settings: settings,
      });
      return (await result.text()).trimEnd();
    };
    const tell = (query: string): Promise<unknown> => test.client.command({ query, session_id });
    await tell('CREATE TEMPORARY TABLE mine AS SELECT 5 AS x');
    await tell('SET max_threads = 1');
    await tell('USE w');
    expect(await ask('SELECT x FROM mine')).toBe('5');
    expect(await ask(`SELECT getSetting('max_threads')`, { max_threads: '3' })).toBe('3');
    expect(await ask(`SELECT getSetting('max_threads'), currentDatabase()`)).toBe('1\tw');
    await expect(ask('SELECT 1', { no_such_setting: '1' })).rejects.toMatchObject({ code: '115' });
    expect(await ask(`SELECT getSetting('max_threads'), currentDatabase()`)).toBe('1\tw');
    await expect(rows('SELECT x FROM mine')).rejects.toMatchObject({ code: '60' });
  });
});

describe('the HTTP interface', () => {
  it('answers pings without credentials and refuses wrong ones', async () => {
    const wrong = { authorization: `Basic ${Buffer.from('wick:no').toString('base64')}` };
    expect(await test.send('/ping', '', wrong)).toMatchObject({ status: 200, text: 'Ok.\n' });
    expect(await test.send('/replicas_status', '', wrong)).toMatchObject({
      status: 200,
      text: 'Ok.\n',
    });
    const refused = await test.send('/', Buffer.alloc(5_000_000, 'x'), wrong);
    expect(refused.status).toBe(403);
    expect(refused.headers['x-clickhouse-exception-code']).toBe('516');
    expect(refused.text).toMatch(/^Code: 516\. DB::Exception: wick: Authentication failed/);
    const keys = {
      authorization: '',
      'x-clickhouse-user': test.user,
      'x-clickhouse-key': test.password,
    };
    expect(await test.send('/', 'SELECT 1', keys)).toMatchObject({ status: 200, text: '1\n' });
  });

  it('says who answered, in what format, and how much', async () => {
    const answer = await test.send('/?query_id=mine&default_format=JSONEachRow', 'SELECT 1 AS a');
    expect(answer.headers).toMatchObject({
      'x-clickhouse-query-id': 'mine',
      'x-clickhouse-format': 'JSONEachRow',
      'x-clickhouse-timezone': 'UTC',
      'content-type': 'application/x-ndjson; charset=UTF-8',
    });
    expect(answer.headers['x-clickhouse-server-display-name']).toBeTypeOf('string');
    expect(JSON.parse(String(answer.headers['x-clickhouse-summary']))).toMatchObject({
      read_rows: '1',
    });
  });

  it('compresses the answer when asked by setting and header', async () => {
    const gzip = { 'accept-encoding': 'gzip' };
    const zipped = await test.send(
      '/?enable_http_compression=1',
      'SELECT number FROM numbers(500000)',
      gzip,
    );
    expect(zipped.headers['content-encoding']).toBe('gzip');
    expect(gunzipSync(zipped.body).toString().split('\n')).toHaveLength(500_001);
    const plain = await test.send('/', 'SELECT 1', gzip);
    expect(plain.headers['content-encoding']).toBeUndefined();
  });

  it('takes an insert whose data are cut short as none at all', async () => {
    await test.client.command({
      query: 'CREATE TABLE w.cut (a UInt64) ENGINE = MergeTree ORDER BY a',
    });
    const lines = '{"a":1}\n'.repeat(100_000);
    const bad = await test.send(
      '/?query=INSERT%20INTO%20w.cut%20FORMAT%20JSONEachRow',
      `${lines}{"a":"no"}\n`,
    );
    expect([bad.status, bad.headers['x-clickhouse-exception-code']]).toEqual([400, '27']);
    expect(bad.text).not.toContain('/spool/');
    const damaged = gzipSync(lines).subarray(0, -20);
    const broken = await test.send(
      '/?query=INSERT%20INTO%20w.cut%20FORMAT%20JSONEachRow',
      damaged,
      { 'content-encoding': 'gzip' },
    );
    expect(broken.status).toBe(500);
    expect(await rows('SELECT count() AS n FROM w.cut')).toEqual([{ n: 0 }]);
  });

  it('breaks off a result that fails midway, naming the error', async () => {
    const query = `SELECT number, throwIf(number = 3000000, 'boom') FROM numbers(10000000)`;
    const answer = await test.send('/', query);
    expect([answer.status, answer.complete]).toEqual([200, false]);
    expect(answer.text.slice(-500)).toMatch(
      /__exception__\r\n.{16}\r\nCode: 395\. DB::Exception: boom/s,
    );
    const result = await test.client.query({ query, format: 'JSONEachRow' });
    await expect(result.json()).rejects.toMatchObject({ code: '395' });
    const waited = await test.send('/?wait_end_of_query=1', query);
    expect([waited.status, waited.headers['x-clickhouse-exception-code']]).toEqual([500, '395']);
  });

  it('sends a result whole that was held to its end on disk', async () => {
    const answer = await test.send('/?wait_end_of_query=1', 'SELECT number FROM numbers(1000000)');
    expect(answer.headers['content-length']).toBe(String(answer.body.length));
    expect(answer.text.trimEnd().split('\n').at(-1)).toBe('999999');
  });

  it('lets GET read and not write', async () => {
    const get = await fetch(
      `http://127.0.0.1:${test.front.port}/?user=wick&password=${test.password}&query=DROP%20TABLE%20w.cut`,
    );
    expect([get.status, get.headers.get('x-clickhouse-exception-code')]).toEqual([500, '164']);
    const read = await fetch(
      `http://127.0.0.1:${test.front.port}/?user=wick&password=${test.password}&query=SHOW%20DATABASES%20LIKE%20'w'`,
    );
    expect(await read.text()).toBe('w\n');
  });

  it('refuses several statements, files, and unknown databases', async () => {
    const code = async (path: string, body: string): Promise<unknown> =>
      (await test.send(path, body)).headers['x-clickhouse-exception-code'];
    expect(await code('/', 'SELECT 1; DROP DATABASE w')).toBe('62');
    expect(await code('/', `SELECT 1 INTO OUTFILE '/tmp/x'`)).toBe('358');
    expect(await code('/', `INSERT INTO w.cut FROM INFILE '/etc/hostname' FORMAT CSV`)).toBe('78');
    expect(await code('/?database=nodb', 'SELECT 1')).toBe('81');
    expect(await code('/?compress=1', 'SELECT 1')).toBe('48');
  });

  it('bounds the URL, the SQL text and the memory of a query', async () => {
    expect((await test.send(`/?query=${'x'.repeat(2_000_000)}`)).status).toBe(414);
    const long = await test.send('/', `SELECT '${'x'.repeat(17 * 1024 * 1024)}'`);
    expect(long.headers['x-clickhouse-exception-code']).toBe('62');
    const greedy = await test.send(
      '/?max_memory_usage=20000000',
      'SELECT uniqExact(number) FROM numbers(10000000)',
    );
    expect(greedy.headers['x-clickhouse-exception-code']).toBe('241');
  });
});

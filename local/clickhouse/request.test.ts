/** The parts of a request and of its answer that need no engine: URL, literals, credentials, errors, forms, places. */
import { describe, expect, it } from 'vitest';
import { createAuthenticator } from './auth.ts';
import { ClickHouseError, fromEngineMessage, httpStatus } from './clickhouse-error.ts';
import { formBoundary, parseForm } from './form.ts';
import { quoteBytes, quoteName, sqlText } from './literals.ts';
import { chooseEncoding } from './reply.ts';
import { parseUrlFields, readQueryRequest } from './request.ts';
import { createSlots } from './slots.ts';

function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

describe('the URL', () => {
  it('keeps the bytes of values', () => {
    const [field] = parseUrlFields('?param_x=%FF%00+a%2B%C3%A9%zz');
    expect(field?.name).toBe('param_x');
    expect(field?.value.toString('latin1')).toBe('\xff\0 a+\xc3\xa9%zz');
  });

  it('tells settings, parameters and options apart', () => {
    const request = readQueryRequest(
      parseUrlFields(
        'query=select+1&max_threads=2&param_a=x&wait_end_of_query=1&session_id=s&query_id=q',
      ),
      { 'x-clickhouse-database': 'd', 'x-clickhouse-format': 'CSV' },
    );
    expect(request).toMatchObject({
      database: 'd',
      defaultFormat: 'CSV',
      sessionId: 's',
      queryId: 'q',
      waitEnd: true,
    });
    expect([...request.settings]).toEqual([['max_threads', Buffer.from('2')]]);
    expect([...request.parameters]).toEqual([['a', Buffer.from('x')]]);
  });

  it.each([
    ["a'b=1", 115],
    ["param_a'b=1", 408],
    ["default_format=X';", 408],
    ['compress=1', 48],
    ['role=admin', 511],
  ])('refuses %s', (search, code) => {
    expect(() => readQueryRequest(parseUrlFields(search), {})).toThrow(
      expect.objectContaining({ code }),
    );
  });
});

describe('literals', () => {
  it('escape everything that could end them', () => {
    expect(quoteBytes(Buffer.from("it's \\ \n\0é"))).toBe("'it\\x27s \\x5c \\x0a\\x00é'");
    expect(quoteBytes(Buffer.from([0x27, 0xff]))).toBe("'\\x27\\xff'");
    expect(quoteName('a`b')).toBe('`a\\x60b`');
    expect(sqlText(Buffer.from([0x61, 0xff]))).toBe('a\\xff');
  });
});

describe('authentication', () => {
  const authenticate = createAuthenticator({ user: 'wick', password: 'a:b' });
  it.each([
    [{ authorization: basic('wick', 'a:b') }, ''],
    [{ 'x-clickhouse-user': 'wick', 'x-clickhouse-key': 'a:b' }, ''],
    [{}, 'user=wick&password=a%3Ab'],
  ])('accepts %j %s', (headers, search) => {
    expect(() => authenticate(headers, parseUrlFields(search))).not.toThrow();
  });

  it.each([
    [{}, ''],
    [{ authorization: basic('wick', 'a') }, ''],
    [{ authorization: basic('other', 'a:b') }, ''],
    [{ authorization: 'Bearer x' }, ''],
    [{ 'x-clickhouse-user': 'wick' }, 'password=a:b'],
  ])('refuses %j %s with code 516', (headers, search) => {
    expect(() => authenticate(headers, parseUrlFields(search))).toThrow(
      expect.objectContaining({ code: 516 }),
    );
  });
});

describe('errors', () => {
  it('lose what the way through a file added', () => {
    const error = fromEngineMessage(
      'Code: 27. DB::Exception: Code: 27. DB::Exception: Cannot parse input: (at row 2)\n: (in file/uri /dev/shm/x/body-1): While executing Format: While executing File: data for INSERT was parsed from file. (CANNOT_PARSE) (version 26.7.2.1). (CANNOT_PARSE)',
    );
    expect(error.message).toBe(
      'Code: 27. DB::Exception: Cannot parse input: (at row 2)\n: While executing Format. (CANNOT_PARSE)',
    );
    expect([error.code, httpStatus(error.code)]).toEqual([27, 400]);
  });

  it('of another kind are standard exceptions', () => {
    expect(fromEngineMessage('gone')).toEqual(
      new ClickHouseError(1001, 'Code: 1001. DB::Exception: gone (STD_EXCEPTION)'),
    );
  });
});

describe('forms', () => {
  it('give fields and files', () => {
    const body = Buffer.from(
      '--B\r\nContent-Disposition: form-data; name="query"\r\n\r\nselect 1\r\n' +
        '--B\r\nContent-Disposition: form-data; name="t"; filename="t.csv"\r\nContent-Type: text/csv\r\n\r\n1\r\n2\r\n--B--\r\n',
    );
    const form = parseForm(body, formBoundary('multipart/form-data; boundary="B"') ?? '');
    expect(form.fields).toEqual([{ name: 'query', value: Buffer.from('select 1') }]);
    expect(form.files.get('t')?.toString()).toBe('1\r\n2');
  });

  it('that are cut are refused', () => {
    expect(() =>
      parseForm(Buffer.from('--B\r\nContent-Disposition: form-data; name="q"\r\n\r\nsel'), 'B'),
    ).toThrow(expect.objectContaining({ code: 408 }));
  });
});

describe('response encodings', () => {
  it.each([
    ['gzip', 'gzip'],
    ['lz4,zstd,gzip,deflate', 'zstd'],
    ['lz4', undefined],
    ['gzip;q=0, br', 'br'],
  ])('%s gives %s', (offered, chosen) => {
    expect(chooseEncoding({ 'accept-encoding': offered })).toBe(chosen);
  });
});

describe('places for queries', () => {
  it('are given in order, and refused beyond the line', async () => {
    const { signal } = new AbortController();
    const slots = createSlots({ running: 1, waiting: 1 });
    const first = await slots.acquire(signal);
    const order: string[] = [];
    const second = slots.acquire(signal).then((release) => {
      order.push('second');
      return release;
    });
    await expect(slots.acquire(signal)).rejects.toMatchObject({ code: 202 });
    order.push('first leaves');
    first();
    first();
    (await second)();
    expect(order).toEqual(['first leaves', 'second']);
    expect(slots.running).toBe(0);
  });

  it('are not kept for a client that left the line', async () => {
    const slots = createSlots({ running: 1, waiting: 1 });
    const leave = new AbortController();
    const release = await slots.acquire(new AbortController().signal);
    const waiting = slots.acquire(leave.signal);
    leave.abort();
    await expect(waiting).rejects.toMatchObject({ code: 236 });
    release();
    expect(slots.running).toBe(0);
  });
});

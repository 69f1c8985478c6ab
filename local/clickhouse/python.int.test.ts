/**
 * `clickhouse-connect` and its SQLAlchemy dialect against the front, run by a real Python; `python-clients.py` holds
 * what they do, this file what must come of it.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createPythonEnvironment,
  type PythonEnvironment,
} from '../../tests/support/python/venv.ts';
import { startTestFront, type TestFront } from './test-front.ts';

let environment: PythonEnvironment;
let test: TestFront;
let results: Record<string, unknown>;

beforeAll(async () => {
  environment = await createPythonEnvironment();
  test = await startTestFront();
  const script = join(import.meta.dirname, 'python-clients.py');
  const { stdout } = await promisify(execFile)(environment.python, [
    script,
    String(test.front.port),
    test.user,
    test.password,
  ]);
  const parsed: unknown = JSON.parse(stdout);
  results = Object.fromEntries(Object.entries(parsed ?? {}));
});
afterAll(async () => {
  await test.stop();
  environment.remove();
});

describe('clickhouse-connect', () => {
  it('inserts, reads, binds, and keeps its session', () => {
    expect(results['client']).toEqual({
      version: expect.stringMatching(/^26\.7\./),
      ping: true,
      written: 1000,
      same: true,
      bound: true,
      long: 300_000,
      external: [['b']],
      columns: ['a', 'b'],
      command: 1000,
      session: [1, 3],
      raw: '{"a":1}\n',
      settings: [[77]],
    });
  });

  it('loses no block of an insert in any compression', () => {
    const whole = [799_980_000, 40_000];
    expect(results['compression']).toEqual({ lz4: whole, zstd: whole, gzip: whole, False: whole });
  });

  it('sees errors by code and name, those in the middle of a result too', () => {
    expect(results['errors']).toEqual({
      table: [60, 'UNKNOWN_TABLE'],
      password: [516, 'AUTHENTICATION_FAILED'],
      midway: [395, 'FUNCTION_THROW_IF_VALUE_IS_NON_ZERO'],
      setting: [27, 'CANNOT_PARSE_INPUT_ASSERTION_FAILED'],
    });
  });

  it('queries from several threads', () => {
    expect(results['threads']).toEqual([7, 7, 7, 7, 7, 7]);
  });
});

describe('its SQLAlchemy dialect', () => {
  it('queries, binds and reflects tables', () => {
    expect(results['sqlalchemy']).toEqual({
      version: expect.stringMatching(/^26\.7\./),
      bound: true,
      tables: ['py'],
      columns: [
        ['a', 'UInt64'],
        ['b', 'String'],
        ['d', 'Decimal(38, 18)'],
        ['t', "DateTime64(3, 'UTC')"],
        ['n', 'Nullable(Float64)'],
        ['arr', 'Array(String)'],
      ],
      count: 40_000,
    });
  });
});

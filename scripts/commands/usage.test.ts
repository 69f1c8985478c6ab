/**
 * Exit codes of commands that read venues or the ledger, as processes: 2 where the caller has to write
 * something else, with the list of what there is; 1 where the call was right and something failed. No
 * store answers here: wrong usage is found without one.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

const WICK = join(import.meta.dirname, '..', 'wick.ts');
const NOWHERE = '127.0.0.1:1';
const ENV = {
  PATH: process.env['PATH'],
  DB_PASSWORD: 'x',
  CDC_PASSWORD: 'x',
  CLICKHOUSE_PASSWORD: 'x',
  REDIS_PASSWORD: 'x',
  DB_PORT: '1',
  REDIS_PORT: '1',
  CLICKHOUSE_PORT: '1',
  KAFKA_BROKERS: NOWHERE,
  CONNECT_URL: `http://${NOWHERE}`,
  BINANCE_FUTURES_URL: `http://${NOWHERE}`,
  LOG_LEVEL: 'error',
};

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function wick(args: readonly string[], input = ''): Promise<Ended> {
  return new Promise((resolve) => {
    const done = (error: Error | null, stdout: string, stderr: string): void =>
      resolve({
        code:
          error === null ? 0 : 'code' in error && typeof error.code === 'number' ? error.code : -1,
        stdout,
        stderr,
      });
    execFile(process.execPath, [WICK, ...args], { env: ENV, timeout: 30_000 }, done).stdin?.end(
      input,
    );
  });
}

const BTC = ['--exchange', 'binance-futures', '--symbol', 'BTC/USDT'];
const NO_VENUE = ['--exchange', 'mtgox', '--symbol', 'BTC/USDT'];
const RANGE = ['--from', '2025-01-01', '--to', '2025-01-02'];
const UNKNOWN_VENUE = /there is no exchange "mtgox"; there are binance-futures, .*, ecb/;
const UNKNOWN_TF = /"7m".*1m, 3m/;

describe('wrong usage exits with 2, and nothing on stdout', () => {
  test.concurrent.each<[string[], RegExp]>([
    [['run', ...NO_VENUE, '--tf', '1h'], UNKNOWN_VENUE],
    [['run', ...BTC, '--tf', '7m'], UNKNOWN_TF],
    [['run', ...BTC, '--tf', '1h', '--limit', '1e3'], /--limit is "1e3"/],
    [['run', ...BTC, '--tf', '1h', '--mode', 'live'], /--mode is "live"/],
    [['reconcile', '--series', 'BTC/USDT'], /--series "BTC\/USDT" is not exchange\|market_type/],
    [['reconcile', '--from', '2025-06-02', '--to', '2025-06-01'], /--to "2025-06-01"/],
    [['reconcile', '--limit', '0'], /--limit is "0"/],
    [['backfill', ...NO_VENUE, '--tf', '1h', '--dry-run'], UNKNOWN_VENUE],
    [['dlq', 'show', '17'], /"17" is no letter; .*0:17/],
    [['dlq', 'redrive', '0:1', 'all'], /"all" is no letter/],
    [['dlq', 'list', '--from', 'yesterday'], /--from: .*yesterday/],
    [['dlq', 'list', '--limit', '0'], /--limit is "0"/],
    [['backfill', ...BTC, '--tf', '1h,7m', '--dry-run'], UNKNOWN_TF],
    [['sync', '--exchange', 'binance-futures,mtgox'], UNKNOWN_VENUE],
    [['sync', '--exchange', ','], /--exchange is ","; name at least one/],
    [['stream', ...NO_VENUE, '--tf', '1m'], UNKNOWN_VENUE],
    [['stream', ...BTC, '--tf', '7m'], UNKNOWN_TF],
    [['stream', ...BTC, '--channel', 'foo_1m'], /no channel "foo_1m"; it has kline_1m/],
    [['stream', ...BTC, '--channel', 'kline_1m', '--tf', '5m'], /contradicts/],
    [['stream', '--exchange', 'ecb', '--symbol', 'EUR/USD', '--tf', '1d'], /"ecb" is a web source/],
    [['gaps', 'list', '--tf', '7m'], UNKNOWN_TF],
    [['gaps', 'list', '--cause', 'lost'], /--cause is "lost"; give one of missing/],
    [['gaps', 'repair', '--tf', '7m'], UNKNOWN_TF],
    [['gaps', 'fill', ...BTC, '--tf', '7m', ...RANGE], UNKNOWN_TF],
    [['quarantine', 'list', '--tf', '7m'], UNKNOWN_TF],
    [['quarantine', 'list', '--reason', 'ugly'], /--reason is "ugly"; give one of malformed_row/],
    [['quarantine', 'redrive', '--tf', '7m'], UNKNOWN_TF],
    [['normalize', '-', '--kind', 'klines', ...NO_VENUE], /there is no exchange "mtgox"/],
    [['normalize', '-', '--kind', 'klines', '--exchange', 'ecb'], /"ecb" is a web source/],
    [['normalize', '-', '--kind', 'klines', ...BTC, '--tf', '7m'], UNKNOWN_TF],
    [
      ['normalize', '-', '--kind', 'klines', '--exchange', 'hyperliquid', '--symbol', 'BTC/USDT'],
      /USDC/,
    ],
    [['normalize', '-', '--kind', 'klines', '--exchange', 'coinbase', '--tf', '1m'], /--symbol/],
    [['source', 'try', 'absent.json', '--page', 'absent.html'], /"absent.json" cannot be read/],
  ])('wick %j', async (args, message) => {
    const { code, stdout, stderr } = await wick(args, '[]');
    expect(stderr).toMatch(message);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  test('with --json as one object', async () => {
    const { code, stdout } = await wick(['run', ...NO_VENUE, '--tf', '1h', '--json']);
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toEqual({
      error: { code: 'WICK_ETL_UNSUPPORTED', message: expect.stringMatching(UNKNOWN_VENUE) },
    });
  });
});

describe('what fails though it was called rightly exits with 1, in one sentence', () => {
  test.concurrent.each<[string[], RegExp]>([
    [['run', ...BTC, '--tf', '1h'], /A store does not answer/],
    [['backfill', ...BTC, '--tf', '1h', '--dry-run'], /A store does not answer/],
    [['sync', '--exchange', 'binance-futures'], /A store does not answer/],
    [['stream', ...BTC, '--channel', 'kline_1m'], /A store does not answer/],
    [['gaps', 'list'], /A store does not answer/],
    [['quarantine', 'redrive'], /A store does not answer/],
    [['normalize', '-', '--kind', 'klines', ...BTC, '--tf', '1m'], /error of binance-futures/],
  ])('wick %j', async (args, message) => {
    const { code, stdout, stderr } = await wick(args, '{"code":-1121,"msg":"Invalid symbol."}');
    expect(stderr).toMatch(message);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });
});

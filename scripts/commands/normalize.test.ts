/** `wick normalize` as a user meets it: a process without configuration, its streams and its exit code. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { expect, test } from 'vitest';

const CHECKOUT = join(import.meta.dirname, '..', '..');
const FIXTURES = join(CHECKOUT, 'etl', 'extract');

interface Result {
  readonly code: number | null;
  readonly lines: readonly unknown[];
  readonly stderr: string;
}

async function normalize(args: readonly string[], input = ''): Promise<Result> {
  const command = [join(CHECKOUT, 'scripts', 'wick.ts'), 'normalize', ...args];
  // No variable at all: nothing may be configured, and no stack is near.
  const child = spawn(process.execPath, command, { env: {}, timeout: 30_000 });
  child.stdin.end(input);
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [out, err, code] = await Promise.all([buffer(child.stdout), buffer(child.stderr), ended]);
  const lines = out.toString().split('\n').filter(Boolean);
  return { code, lines: lines.map((line) => JSON.parse(line) as unknown), stderr: err.toString() };
}

test('a good answer is rows on stdout, nothing else, and exit 0', async () => {
  const file = join(FIXTURES, 'hyperliquid/fixtures/candles-1h-open.json');
  const result = await normalize([file, '--exchange', 'hyperliquid', '--kind', 'klines']);
  expect([result.code, result.stderr, result.lines.length]).toEqual([0, '', 5]);
  expect(result.lines[0]).toMatchObject({ symbol: 'BTC/USDC', open: '83912' });
});

test('--now closes candles by the clock of the venue', async () => {
  const file = join(FIXTURES, 'hyperliquid/fixtures/candles-1h-open.json');
  const now = ['--now', '2026-09-25T18:01:00Z'];
  const result = await normalize([file, '--exchange', 'hyperliquid', '--kind', 'klines', ...now]);
  expect(result.lines.at(-1)).toMatchObject({ is_closed: false });
  expect(result.lines.at(-2)).toMatchObject({ is_closed: true });
});

test('a rejected row is a line on stderr and exit 1; the good ones are told all the same', async () => {
  const rows = '[[1517443380,1,3,2,2,5],[1517443440,4,3,2,2,5]]';
  const flags = ['--exchange', 'coinbase', '--kind', 'klines', '--symbol', 'btc-usd', '--tf', '1m'];
  const result = await normalize(['-', ...flags], rows);
  expect([result.code, result.lines.length]).toEqual([1, 1]);
  expect(JSON.parse(result.stderr)).toEqual({
    reason: 'ohlc_order',
    detail: 'low 4 > open 2',
    index: 1,
    open_time: '2018-02-01T00:04:00.000Z',
    row: ['1517443440', '4', '3', '2', '2', '5'],
  });
});

test('thousands of rows are written to the last one, though the process ends right after', async () => {
  const rows = Array.from({ length: 20_000 }, (_, n) => `[${1_517_443_200 + n * 60},1,3,2,2,5]`);
  const flags = ['--exchange', 'coinbase', '--kind', 'klines', '--symbol', 'BTC/USD', '--tf', '1m'];
  const result = await normalize(['-', ...flags], `[${rows.join(',')}]`);
  expect([result.code, result.lines.length]).toEqual([0, 20_000]);
});

test.each([
  [['x.json'], /--exchange/, 2],
  [['x.json', '--exchange', 'coinbase', '--kind', 'trades'], /klines, symbols, stream/, 2],
  [['x.json', '--exchange', 'coinbase', '--kind', 'klines'], /"x.json" cannot be read/, 2],
  [['-', '--exchange', 'kraken', '--kind', 'klines'], /there are binance-futures, binance-spot/, 2],
  [['-', '--exchange', 'coinbase', '--kind', 'klines', '--now', 'noon'], /--now: "noon"/, 2],
])('%j says what is wrong and exits as it should', async (args, message, code) => {
  const result = await normalize(args);
  expect(result.code).toBe(code);
  expect(result.stderr).toMatch(message);
});

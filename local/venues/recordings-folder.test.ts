import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadRecordings } from './recordings-folder.ts';

const HEADER = 'timestamp_ms,open,high,low,close,volume';
const FUNDING = 'timestamp_ms,rate,mark_price,premium';
const GOOD = `${HEADER}\n1748928720000,1,2,1,2,5\n`;

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wick-recordings-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function put(name: string, content: string | Buffer): void {
  writeFileSync(join(folder, name), content);
}

test('good files are served beside bad ones, and each bad one is listed with its reason', async () => {
  put('BTCUSDT-1m.csv', GOOD);
  put('ETHUSDT-1m.csv.gz', gzipSync(GOOD));
  put('SOLUSDT-1m.csv.gz', gzipSync(GOOD.repeat(50)).subarray(0, 40));
  put('XRPUSDT-1m.csv.gz', GOOD);
  put('ADAUSDT-1m.csv', 'time,o,h,l,c,v\n');
  put('HYPE-1m.csv', GOOD);
  put('notes.txt', 'hello');
  put('PROVENANCE.md', '# where it is from');
  put('.DS_Store', '');
  mkdirSync(join(folder, 'more'));
  mkdirSync(join(folder, 'coinbase', 'more'), { recursive: true });
  put('coinbase/BTC-USD-1m.csv', GOOD);
  put('coinbase/BTC-USD-4h.csv', GOOD);
  put('BTCUSDT-funding.csv', `${FUNDING}\n1748928720001,0.0001,,\n1748957520000,-0.2,95.5,0.1\n`);
  put('ETHUSDT-funding.csv', `${FUNDING}\n1748957520000,1,,\n1748957520000,1,,\n`);
  const { recordings, funding, rejected } = await loadRecordings(folder);
  expect(recordings.map(({ file, venue, venueSymbol }) => [file, venue, venueSymbol])).toEqual([
    ['BTCUSDT-1m.csv', 'binance-futures', 'BTCUSDT'],
    ['ETHUSDT-1m.csv.gz', 'binance-futures', 'ETHUSDT'],
    ['coinbase/BTC-USD-1m.csv', 'coinbase', 'BTC-USD'],
  ]);
  expect(funding).toMatchObject([
    {
      file: 'BTCUSDT-funding.csv',
      venueSymbol: 'BTCUSDT',
      rows: [
        { time: 1_748_928_720_001, rate: '0.0001', markPrice: null, premium: null },
        { time: 1_748_957_520_000, rate: '-0.2', markPrice: '95.5', premium: '0.1' },
      ],
    },
  ]);
  expect(Object.fromEntries(rejected.map(({ file, reason }) => [file, reason]))).toEqual({
    'ADAUSDT-1m.csv': expect.stringMatching(/^line 1: header "time,o,h,l,c,v" instead of/),
    'HYPE-1m.csv': expect.stringMatching(/symbol "HYPE" cannot be split/),
    'SOLUSDT-1m.csv.gz': expect.stringMatching(/^unreadable: unexpected end of file/),
    'XRPUSDT-1m.csv.gz': expect.stringMatching(/^unreadable: incorrect header check/),
    'ETHUSDT-funding.csv': 'line 3: timestamp 1748957520000 is not later than the line before',
    'coinbase/BTC-USD-4h.csv': 'coinbase has no interval 4h',
    'coinbase/more': expect.stringMatching(/^a folder; a venue's files lie flat/),
    more: expect.stringMatching(/^a folder that is named after no venue; known are binance-fut/),
    'notes.txt': expect.stringMatching(/not a .csv/),
  });
});

test('a series that two files hold is read from the first, and the other is listed', async () => {
  put('BTC-USDT-1m.csv', GOOD);
  put('BTCUSDT-1m.csv', GOOD);
  const { recordings, rejected } = await loadRecordings(folder);
  expect(recordings.map(({ file }) => file)).toEqual(['BTC-USDT-1m.csv']);
  expect(rejected).toEqual([
    {
      file: 'BTCUSDT-1m.csv',
      reason: 'the series BTC/USDT 1m is already read from BTC-USDT-1m.csv',
    },
  ]);
});

test('two pairs that the venue would spell alike are not both served', async () => {
  put('AB-C-1m.csv', GOOD);
  put('A-BC-1h.csv', `${HEADER}\n1748926800000,1,2,1,2,5\n`);
  const { rejected } = await loadRecordings(folder);
  expect(rejected).toEqual([
    { file: 'AB-C-1m.csv', reason: '"AB/C" and "A/BC" (A-BC-1h.csv) are one venue symbol' },
  ]);
});

test('a folder that does not exist is an error that names it', async () => {
  await expect(loadRecordings(join(folder, 'absent'))).rejects.toMatchObject({
    code: 'WICK_LOCAL_RECORDING_INVALID',
    message: expect.stringContaining(join(folder, 'absent')),
  });
});

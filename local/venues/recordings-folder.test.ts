import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadRecordings } from './recordings-folder.ts';

const HEADER = 'timestamp_ms,open,high,low,close,volume';
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
  const { recordings, rejected } = await loadRecordings(folder);
  expect(recordings.map(({ file }) => file)).toEqual(['BTCUSDT-1m.csv', 'ETHUSDT-1m.csv.gz']);
  expect(Object.fromEntries(rejected.map(({ file, reason }) => [file, reason]))).toEqual({
    'ADAUSDT-1m.csv': expect.stringMatching(/^line 1: header "time,o,h,l,c,v" instead of/),
    'HYPE-1m.csv': expect.stringMatching(/symbol "HYPE" cannot be split/),
    'SOLUSDT-1m.csv.gz': expect.stringMatching(/^unreadable: unexpected end of file/),
    'XRPUSDT-1m.csv.gz': expect.stringMatching(/^unreadable: incorrect header check/),
    more: expect.stringMatching(/^a folder/),
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

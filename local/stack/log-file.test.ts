import { appendFile, mkdtemp, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { boundLogs, cutLog, rotateLog } from './log-file.ts';
import { waitFor } from './wait.ts';

let folder = '';
let log = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wick-log-'));
  log = join(folder, 'kafka.log');
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

test('a small log is left alone, and none is no error', async () => {
  await rotateLog(log, 10);
  expect(await cutLog(log, 10)).toBe(false);
  await writeFile(log, 'short');
  await rotateLog(log, 10);
  expect(await cutLog(log, 10)).toBe(false);
  expect(await readFile(log, 'utf8')).toBe('short');
});

test('before a start the old log replaces the older one', async () => {
  await writeFile(`${log}.1`, 'older');
  await writeFile(log, 'longer than ten');
  await rotateLog(log, 10);
  expect(await readFile(`${log}.1`, 'utf8')).toBe('longer than ten');
  await expect(stat(log)).rejects.toMatchObject({ code: 'ENOENT' });
});

test('a process that has its log open goes on writing to it after a cut', async () => {
  const held = await open(log, 'a');
  await held.write('before the cut\n');
  expect(await cutLog(log, 10)).toBe(true);
  await held.write('after\n');
  await held.close();
  expect(await readFile(log, 'utf8')).toBe('after\n');
  expect(await readFile(`${log}.1`, 'utf8')).toBe('before the cut\n');
});

test('logs are looked at until the stack ends', async () => {
  const logs = boundLogs([join(folder, 'absent.log'), log], { bytesMax: 10, everyMs: 5 });
  await appendFile(log, 'more than ten bytes');
  await waitFor(async () => (await stat(log)).size === 0, { what: 'the cut', timeoutMs: 5_000 });
  logs.close();
});

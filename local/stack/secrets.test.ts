import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkSecrets, readSecrets } from './secrets.ts';
import { stackEnv, writeEnvFile } from './stack-env.ts';
import { readPorts } from './stack-ports.ts';

let folder = '';
let file = '';
let data = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wick-secrets-'));
  file = join(folder, 'secrets.json');
  data = join(folder, 'data');
  await mkdir(data);
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

test('secrets are made once, all different, for their user alone', async () => {
  const made = await readSecrets(file, data);
  expect(await readSecrets(file, data)).toEqual(made);
  expect(new Set(Object.values(made)).size).toBe(5);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
});

test('two stacks have different ones', async () => {
  const first = await readSecrets(file, data);
  await rm(file);
  expect((await readSecrets(file, data)).dbPassword).not.toBe(first.dbPassword);
});

test.each([
  ['cut off', '{"dbPassword":"aaaaaaaaaaaaaaaaaaaaaaaaaaaa","cdcPa'],
  ['empty', ''],
  ['of another shape', '{"dbPassword":"x"}'],
  ['not an object', '[]'],
])('a file that is %s is damaged: what to do is said, what it holds is not', async (_, text) => {
  await writeFile(file, text);
  const error = await readSecrets(file, data).catch((caught: unknown) => caught);
  expect(error).toMatchObject({
    code: 'WICK_LOCAL_SECRETS_DAMAGED',
    message: `"${file}" is damaged; the data beside it cannot be opened without it; restore it, or remove everything with "npm run wick -- reset"`,
  });
  expect(String((error as Error).cause)).not.toContain('aaaa');
  expect(await readFile(file, 'utf8')).toBe(text);
});

test('a file that is gone while its data are there is not made anew', async () => {
  await mkdir(join(data, 'postgres'));
  await expect(readSecrets(file, data)).rejects.toThrow('is gone; the data beside it');
  await expect(stat(file)).rejects.toMatchObject({ code: 'ENOENT' });
});

test('a look makes nothing', async () => {
  expect(await checkSecrets(file, data)).toBeNull();
  await expect(stat(file)).rejects.toMatchObject({ code: 'ENOENT' });
});

test('the settings that hold them are for their user alone, also over an older file', async () => {
  const path = join(folder, 'stack.env');
  await writeFile(path, '', { mode: 0o644 });
  await chmod(path, 0o644);
  await writeEnvFile(path, stackEnv(readPorts({}), await readSecrets(file)));
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

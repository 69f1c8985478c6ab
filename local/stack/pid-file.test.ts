import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { claimPidFile, commandLine, identify, readPidFile, writePidFile } from './pid-file.ts';

let folder = '';
let file = '';
let other: ChildProcess | null = null;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wick-pid-'));
  file = join(folder, 'kafka.pid');
});

afterEach(async () => {
  if (other !== null && other.exitCode === null && other.signalCode === null) {
    other.kill('SIGKILL');
    await once(other, 'exit');
  }
  other = null;
  await rm(folder, { recursive: true });
});

/** Another process that lives until the test ends. */
async function startOther(): Promise<number> {
  other = spawn('sleep', ['600'], { stdio: 'ignore' });
  await once(other, 'spawn');
  return other.pid ?? 0;
}

async function self(): Promise<{ pid: number; startedAt: string }> {
  const identity = await identify(process.pid);
  if (identity === null) throw new Error('this process is not known');
  return identity;
}

test('a live process is found by its file', async () => {
  await writePidFile(file, await self());
  expect(await readPidFile(file)).toEqual(await self());
});

test('no file names nobody', async () => {
  expect(await readPidFile(file)).toBeNull();
});

test('the pid of a process that has ended names nobody', async () => {
  const pid = await startOther();
  const identity = await identify(pid);
  expect(identity).not.toBeNull();
  await writePidFile(file, identity ?? { pid: 0, startedAt: '' });
  other?.kill('SIGKILL');
  await once(other as ChildProcess, 'exit');
  expect(await readPidFile(file)).toBeNull();
});

test('a reused pid, alive but started at another time, names nobody', async () => {
  const { pid, startedAt } = await self();
  await writeFile(file, JSON.stringify({ pid, startedAt: `${Number(startedAt) - 1}` }));
  expect(await readPidFile(file)).toBeNull();
});

test.each(['', '{"pid": 12', '4711\n', '{"pid":0,"startedAt":"1"}', '{"pid":"1","startedAt":"1"}'])(
  'a torn or foreign file %j names nobody',
  async (text) => {
    await writeFile(file, text);
    expect(await readPidFile(file)).toBeNull();
  },
);

test('a name with spaces and parentheses does not hide the start time', async () => {
  const script = join(folder, 'odd ) name (');
  await writeFile(script, '#!/bin/sh\nread line\n', { mode: 0o755 });
  other = spawn(script, [], { stdio: ['pipe', 'ignore', 'ignore'] });
  await once(other, 'spawn');
  const identity = await identify(other.pid ?? 0);
  expect(identity?.startedAt).toMatch(/\d/);
  expect(await commandLine(other.pid ?? 0)).toContain('odd ) name (');
});

test('a free file is claimed', async () => {
  const identity = await self();
  expect(await claimPidFile(file, identity)).toEqual(identity);
  expect(await readPidFile(file)).toEqual(identity);
});

test('a stale or torn file is taken over', async () => {
  for (const text of ['{"pid":1,"startedAt":"never"}', 'torn']) {
    await writeFile(file, text);
    expect(await claimPidFile(file, await self())).toEqual(await self());
    await rm(file);
  }
  expect(await readdir(folder)).toEqual([]);
});

test('a file that a live process holds is not taken', async () => {
  const holder = await identify(await startOther());
  await writePidFile(file, holder ?? { pid: 0, startedAt: '' });
  expect(await claimPidFile(file, await self())).toEqual(holder);
  expect(await readPidFile(file)).toEqual(holder);
});

test('of many claimants of a stale file one wins and all know which', async () => {
  await writeFile(file, '{"pid":1,"startedAt":"never"}');
  const module = join(import.meta.dirname, 'pid-file.ts');
  const claim = `
    import { claimPidFile, identify } from ${JSON.stringify(module)};
    const won = await claimPidFile(${JSON.stringify(file)}, await identify(process.pid));
    process.stdout.write(String(won.pid));
    process.stdin.resume();
  `;
  const claimants = Array.from({ length: 4 }, () =>
    spawn(process.execPath, ['--input-type=module', '-e', claim], {
      stdio: ['pipe', 'pipe', 'inherit'],
    }),
  );
  const winners = await Promise.all(
    claimants.map(async ({ stdout }) => String((await once(stdout, 'data'))[0])),
  );
  const ends = claimants.map((child) => once(child, 'exit'));
  for (const { stdin } of claimants) stdin.end();
  await Promise.all(ends);
  expect(new Set(winners).size).toBe(1);
  expect(claimants.map(({ pid }) => String(pid))).toContain(winners[0]);
  expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ pid: Number(winners[0]) });
});

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { OWNER_VARIABLE } from './managed-process.ts';
import { identify } from './pid-file.ts';
import { stopStrays } from './strays.ts';

let folder = '';
const started: ChildProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wick-strays-'));
});

afterEach(async () => {
  for (const child of started.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  await rm(folder, { recursive: true });
});

/** A process that says in its environment whose it is, and names it in no pid file. */
async function startStray(pidFile: string | null): Promise<ChildProcess> {
  const child = spawn('sleep', ['600'], {
    stdio: 'ignore',
    detached: true,
    env: { PATH: process.env['PATH'], ...(pidFile === null ? {} : { [OWNER_VARIABLE]: pidFile }) },
  });
  await once(child, 'spawn');
  started.push(child);
  return child;
}

// Only Linux shows the environment of a process.
const linux = test.runIf(process.platform === 'linux');

linux.for(['ask', 'kill'] as const)(
  'a process that no pid file names is ended: %s',
  async (how) => {
    const run = join(folder, 'run');
    const stray = await startStray(join(run, 'kafka.pid'));
    const ended = once(stray, 'exit');
    expect(await stopStrays(run, how)).toEqual(['kafka']);
    expect((await ended)[1]).toBe(how === 'kill' ? 'SIGKILL' : 'SIGTERM');
  },
);

linux('processes of other stacks and of nobody are left alone', async () => {
  const run = join(folder, 'run');
  const others = [
    await startStray(join(folder, 'run-of-another', 'kafka.pid')),
    await startStray(`${run}.old/kafka.pid`),
    await startStray(null),
  ];
  expect(await stopStrays(run)).toEqual([]);
  for (const { pid } of others) expect(await identify(pid ?? 0)).not.toBeNull();
});

linux('Postgres is asked in the way that does not wait for its clients', async () => {
  const stray = await startStray(join(folder, 'postgres.pid'));
  const ended = once(stray, 'exit');
  await stopStrays(folder);
  expect((await ended)[1]).toBe('SIGINT');
});

import { existsSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLayout, resolveLayout, type StackLayout } from '../../local/stack/layout.ts';
import { startProcess, type ManagedProcess } from '../../local/stack/managed-process.ts';
import { killServices, stopServices, stopStack, supervisorPidFile } from './stop-stack.ts';

let folder = '';
let layout: StackLayout;
const started: ManagedProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wick-stop-'));
  await chmod(folder, 0o755);
  layout = resolveLayout({ checkout: folder, dataDir: join(folder, 'data') });
  await createLayout(layout);
});

afterEach(async () => {
  await Promise.all(started.splice(0).map((each) => each.stop()));
  await rm(folder, { recursive: true });
});

/** Something that passes for a service; it writes its name to a file when it is asked to stop. */
async function pretend(
  name: string,
  pidFile = join(layout.run, `${name}.pid`),
): Promise<ManagedProcess> {
  const end = `echo ${name} >> "${join(folder, 'ends')}"; exit 0`;
  const ready = join(folder, `${name}.ready`);
  const managed = await startProcess({
    name,
    command: 'sh',
    args: ['-c', `trap '${end}' TERM INT; : > "${ready}"; while :; do sleep 0.05; done`],
    logFile: join(layout.logs, `${name}.log`),
    pidFile,
    // Once it listens: a signal before would end it unheard.
    ready: () => Promise.resolve(existsSync(ready)),
    readyTimeoutMs: 5_000,
    stopSignal: 'SIGTERM',
    stopTimeoutMs: 5_000,
  });
  started.push(managed);
  return managed;
}

test('where nothing runs nothing is stopped', async () => {
  expect(await stopStack(layout)).toBe(false);
});

test('services without a supervisor are stopped, last started first', async () => {
  for (const name of ['kafka', 'postgres', 'analyzer']) await pretend(name);
  expect(await stopServices(layout)).toEqual(['analyzer', 'kafka', 'postgres']);
  expect((await started[1]?.exited)?.code).toBe(0);
  expect(await stopStack(layout)).toBe(false);
});

test('a supervisor is asked before its services', async () => {
  const supervisor = await pretend('supervisor', supervisorPidFile(layout));
  await pretend('redis');
  expect(await stopStack(layout)).toBe(true);
  expect(await supervisor.exited).toEqual({ code: 0, signal: null });
  expect(await stopStack(layout)).toBe(false);
});

test('a kill does not ask', async () => {
  const service = await pretend('kafka');
  await killServices(layout);
  expect(await service.exited).toEqual({ code: null, signal: 'SIGKILL' });
});

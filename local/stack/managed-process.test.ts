import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { startProcess, stopLeftover, type ProcessSpec } from './managed-process.ts';
import { identify, readPidFile, writePidFile } from './pid-file.ts';
import { sendSignal } from './signals.ts';
import { waitFor } from './wait.ts';

let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wick-process-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

/** A shell script as a service; it is ready when the file `ready` exists. */
function shell(script: string, more: Partial<ProcessSpec> = {}): ProcessSpec {
  return {
    name: 'demo',
    command: 'sh',
    args: ['-c', script],
    cwd: folder,
    logFile: join(folder, 'demo.log'),
    pidFile: join(folder, 'demo.pid'),
    ready: async () => (await stat(join(folder, 'ready'))).isFile(),
    readyTimeoutMs: 10_000,
    stopSignal: 'SIGTERM',
    stopTimeoutMs: 10_000,
    ...more,
  };
}

const RUN = 'touch ready; exec sleep 600';

async function exists(name: string): Promise<boolean> {
  return stat(join(folder, name)).then(
    () => true,
    () => false,
  );
}

test('a process runs once it is ready, and stops when asked', async () => {
  const managed = await startProcess(shell(RUN));
  expect(await readPidFile(join(folder, 'demo.pid'))).toMatchObject({ pid: managed.pid });
  await managed.stop();
  expect(await managed.exited).toEqual({ code: null, signal: 'SIGTERM' });
  expect(await exists('demo.pid')).toBe(false);
});

test('one that ends before it is ready is reported with the end of its log', async () => {
  const start = startProcess(shell('echo first; echo "no such port" >&2; exit 3'));
  await expect(start).rejects.toMatchObject({
    code: 'WICK_LOCAL_ENGINE_FAILED',
    message: `demo stopped while starting (exit 3). Its log "${join(folder, 'demo.log')}" ends: first | no such port`,
  });
  expect(await exists('demo.pid')).toBe(false);
});

test('one that is never ready is ended after its bound', async () => {
  const spec = shell('echo $$ > number; exec sleep 600', { readyTimeoutMs: 300 });
  await expect(startProcess(spec)).rejects.toThrow('for demo to be ready; its log is');
  const pid = Number(await readFile(join(folder, 'number'), 'utf8'));
  expect(await identify(pid)).toBeNull();
});

test('a check that never answers does not stretch the bound', async () => {
  const spec = shell('exec sleep 600', {
    readyTimeoutMs: 200,
    ready: () => new Promise<boolean>(() => undefined),
  });
  await expect(startProcess(spec)).rejects.toThrow('for demo to be ready');
});

test('an abort ends a start under way and leaves no process and no pid file', async () => {
  const abort = new AbortController();
  let asked = 0;
  const spec = shell('echo $$ > number; exec sleep 600', {
    signal: abort.signal,
    ready: async () => {
      asked += 1;
      if (asked === 3) abort.abort(new Error('enough'));
      return false;
    },
  });
  await expect(startProcess(spec)).rejects.toThrow('enough');
  expect(await identify(Number(await readFile(join(folder, 'number'), 'utf8')))).toBeNull();
  expect(await exists('demo.pid')).toBe(false);
});

test('nothing is started after an abort', async () => {
  await expect(
    startProcess(shell('touch started', { signal: AbortSignal.abort(new Error('too late')) })),
  ).rejects.toThrow('too late');
  expect(await exists('started')).toBe(false);
});

test('one that does not listen is killed with all it started', async () => {
  const script = `trap '' TERM; sleep 600 & echo $! > child; touch ready; while :; do wait; done`;
  const managed = await startProcess(shell(script, { stopTimeoutMs: 200 }));
  await managed.stop();
  expect(await managed.exited).toEqual({ code: null, signal: 'SIGKILL' });
  const child = Number(await readFile(join(folder, 'child'), 'utf8'));
  const gone = async (): Promise<boolean> => (await identify(child)) === null;
  await waitFor(gone, { what: 'its child to be gone', timeoutMs: 10_000 });
});

test('a stop after the process has ended sends no signal to whoever has its pid now', async () => {
  const managed = await startProcess(shell('touch ready; read line < /dev/null; sleep 0.3'));
  await managed.exited;
  const kill = vi.spyOn(process, 'kill');
  await managed.stop();
  expect(kill).not.toHaveBeenCalled();
  kill.mockRestore();
});

test('a program that is not there is named', async () => {
  const spec = shell('', { command: join(folder, 'absent'), args: [] });
  await expect(startProcess(spec)).rejects.toThrow(
    `Could not run "${join(folder, 'absent')}" for demo: spawn`,
  );
});

test('a child sees nothing of our environment but what it needs', async () => {
  vi.stubEnv('WICK_TEST_SECRET', 'hidden');
  const managed = await startProcess(shell(`env > seen; ${RUN}`, { env: { GIVEN: 'yes' } }));
  vi.unstubAllEnvs();
  await managed.stop();
  const seen = await readFile(join(folder, 'seen'), 'utf8');
  expect(seen).toContain('GIVEN=yes');
  expect(seen).not.toContain('WICK_TEST_SECRET');
});

test('a leftover is stopped and its pid file removed', async () => {
  const managed = await startProcess(shell(RUN));
  expect(await stopLeftover(join(folder, 'demo.pid'), 'SIGTERM', 10_000)).toBe(true);
  expect(await managed.exited).toEqual({ code: null, signal: 'SIGTERM' });
  expect(await exists('demo.pid')).toBe(false);
});

test('a leftover that does not listen is killed', async () => {
  const managed = await startProcess(shell(`trap '' TERM; touch ready; while :; do sleep 1; done`));
  expect(await stopLeftover(join(folder, 'demo.pid'), 'SIGTERM', 200)).toBe(true);
  expect(await managed.exited).toEqual({ code: null, signal: 'SIGKILL' });
});

test('a stale pid file is removed and nobody is signalled', async () => {
  const self = await identify(process.pid);
  await writePidFile(join(folder, 'demo.pid'), { pid: self?.pid ?? 0, startedAt: 'earlier' });
  const kill = vi.spyOn(process, 'kill');
  expect(await stopLeftover(join(folder, 'demo.pid'), 'SIGTERM', 10_000)).toBe(false);
  expect(kill).not.toHaveBeenCalled();
  kill.mockRestore();
  expect(await exists('demo.pid')).toBe(false);
});

test('a process of another user is named in one sentence', () => {
  const kill = vi.spyOn(process, 'kill').mockImplementation(() => {
    throw Object.assign(new Error('kill EPERM'), { code: 'EPERM' });
  });
  expect(() => sendSignal(4711, 'SIGTERM')).toThrow(
    'Process 4711 of this stack belongs to another user; run the command as that user',
  );
  kill.mockRestore();
});

test('a log that has grown too large is moved aside before a start', async () => {
  await writeFile(join(folder, 'demo.log'), 'x'.repeat(51 * 1024 * 1024));
  const managed = await startProcess(shell(`echo anew; ${RUN}`));
  await managed.stop();
  expect(await readFile(join(folder, 'demo.log'), 'utf8')).toBe('anew\n');
  expect((await stat(join(folder, 'demo.log.1'))).size).toBe(51 * 1024 * 1024);
});

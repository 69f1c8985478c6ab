import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { identify } from '../stack/pid-file.ts';
import { waitFor } from '../stack/wait.ts';

const WATCH = JSON.stringify(join(import.meta.dirname, 'parent-watch.ts'));
/** Watches, says that it does, and never looks up again. */
const BUSY = `
  const { watchParent } = await import(${WATCH});
  watchParent(process.ppid);
  process.send('busy', () => { for (;;); });`;
const PARENT = `
  const { spawn } = await import('node:child_process');
  const child = spawn(process.execPath, ['--input-type=module', '-e', ${JSON.stringify(BUSY)}], {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  child.on('message', () => process.stdout.write(child.pid + '\\n'));`;

test('a process whose thread is busy dies with its parent', async () => {
  const parent = spawn(process.execPath, ['--input-type=module', '-e', PARENT], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line]: unknown[] = await once(parent.stdout, 'data');
  const pid = Number(String(line));
  expect(await identify(pid)).not.toBeNull();
  parent.kill('SIGKILL');
  try {
    await waitFor(async () => (await identify(pid)) === null, {
      what: 'the busy child to die',
      timeoutMs: 20_000,
    });
  } finally {
    if ((await identify(pid)) !== null) process.kill(pid, 'SIGKILL');
  }
});

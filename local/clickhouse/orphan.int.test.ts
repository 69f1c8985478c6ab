/** An engine whose front dies while it starts must not live on with what the front had asked for. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { identify } from '../stack/pid-file.ts';
import { waitFor } from '../stack/wait.ts';

const ENGINE = join(import.meta.dirname, 'engine-process.ts');
let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'wickstream-orphan-'));
  writeFileSync(join(dir, 'engine.xml'), '<clickhouse></clickhouse>');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

test.each([0, 100, 400])('killed %d ms after it started one', async (ms) => {
  const front = `
    const { spawn } = await import('node:child_process');
    const engine = spawn(process.execPath, [
      '--disable-warning=ExperimentalWarning', ${JSON.stringify(ENGINE)},
      '--data', ${JSON.stringify(join(dir, 'data'))}, '--config', ${JSON.stringify(join(dir, 'engine.xml'))},
      '--lock-wait-ms', '1000',
    ], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
    process.stdout.write(engine.pid + '\\n');
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), ${ms});`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', front], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exit = once(parent, 'exit');
  const [line]: unknown[] = await once(parent.stdout, 'data');
  const pid = Number(String(line));
  const engine = await identify(pid);
  await exit;
  const isGone = async (): Promise<boolean> =>
    (await identify(pid))?.startedAt !== engine?.startedAt || engine === null;
  try {
    await waitFor(isGone, { what: 'the engine to die', timeoutMs: 15_000 });
  } finally {
    if (!(await isGone())) process.kill(pid, 'SIGKILL');
  }
  expect(await isGone()).toBe(true);
});

/** Start and end of a process, seen from outside: what it prints, how it exits. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { untilAborted } from './lifecycle.ts';

interface Ended {
  readonly code: number | null;
  /** Lines on stdout, in order. */
  readonly said: readonly string[];
  /** Messages of our own log. */
  readonly logged: readonly string[];
}

interface Watch {
  /** Sent when the process says the line. */
  readonly signals?: Readonly<Record<string, NodeJS.Signals>>;
  readonly closeTimeoutMs?: number;
}

/** Runs `main` in a process of its own. */
async function runMain(main: string, watch: Watch = {}): Promise<Ended> {
  const { signals = {}, closeTimeoutMs = 15_000 } = watch;
  const script = `
    import { once } from 'node:events';
    import { runProcess, untilAborted } from './lifecycle.ts';
    import { createLogger } from './logger.ts';
    const say = (line) => process.stdout.write(line + '\\n');
    const hour = setInterval(() => undefined, 3_600_000);
    const wait = (signal) => (signal ? untilAborted(signal) : new Promise(() => undefined));
    await runProcess(createLogger('test', 'info'), async (lifecycle) => { ${main} },
      { closeTimeoutMs: ${closeTimeoutMs} });`;
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
    cwd: import.meta.dirname,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  // One that has ended by then need not hear it.
  child.stdin.on('error', () => undefined);
  const said: string[] = [];
  const logged: string[] = [];
  createInterface(child.stdout).on('line', (line) => {
    said.push(line);
    const signal = signals[line];
    if (signal === undefined) return;
    child.kill(signal);
    child.stdin.write(`${signal} was sent\n`);
  });
  createInterface(child.stderr).on('line', (line) => {
    logged.push(/"msg":"([^"]*)"/.exec(line)?.[1] ?? line);
  });
  await once(child, 'close');
  return { code: child.exitCode, said, logged };
}

test('a process whose work ends exits with 0 and closes in reverse order', async () => {
  const ended = await runMain(`
    lifecycle.onClose('first', async () => say('first closed'));
    lifecycle.onClose('second', async () => say('second closed'));`);
  expect(ended).toEqual({ code: 0, said: ['second closed', 'first closed'], logged: [] });
});

test('a failure is logged, what was opened is closed, and the process exits with 1', async () => {
  const ended = await runMain(`
    lifecycle.onClose('store', async () => say('store closed'));
    throw new Error('no luck', { cause: new Error('no store') });`);
  expect(ended).toEqual({ code: 1, said: ['store closed'], logged: ['no luck: no store'] });
});

test.each(['SIGTERM', 'SIGINT'] as const)('%s ends it in order with 0', async (signal) => {
  const ended = await runMain(
    `lifecycle.onClose('store', async () => say('store closed'));
     say('up');
     await wait(lifecycle.signal);
     throw new Error('the work was cut off');`,
    { signals: { up: signal } },
  );
  expect(ended).toEqual({ code: 0, said: ['up', 'store closed'], logged: [] });
});

test('a second SIGINT ends it at once with 130', async () => {
  const ended = await runMain(
    `lifecycle.onClose('store', async () => {
       const again = once(process, 'SIGINT');
       say('closing');
       await again;
       say('never said');
     });
     say('up');
     await wait(lifecycle.signal);`,
    { signals: { up: 'SIGINT', closing: 'SIGINT' } },
  );
  expect(ended).toEqual({ code: 130, said: ['up', 'closing'], logged: [] });
});

test('a second SIGTERM does not keep it from closing', async () => {
  const ended = await runMain(
    `lifecycle.onClose('store', async () => {
       say('closing');
       // Sent behind the second signal, which nobody here listens to.
       await once(process.stdin, 'data');
       say('store closed');
     });
     say('up');
     await wait(lifecycle.signal);`,
    { signals: { up: 'SIGTERM', closing: 'SIGTERM' } },
  );
  expect(ended).toEqual({ code: 0, said: ['up', 'closing', 'store closed'], logged: [] });
});

test('an end that the process asked for itself because it failed exits with 1', async () => {
  const ended = await runMain(`
    lifecycle.stop();
    await wait(lifecycle.signal);
    throw new Error('the consumer crashed');`);
  expect(ended).toEqual({ code: 1, said: [], logged: ['the consumer crashed'] });
});

test('a close that fails is named, the others go on, and the process exits with 1', async () => {
  const ended = await runMain(`
    lifecycle.onClose('first', async () => say('first closed'));
    lifecycle.onClose('second', async () => { throw new Error('stuck'); });`);
  expect(ended).toEqual({ code: 1, said: ['first closed'], logged: ['did not close cleanly'] });
});

test('a close that hangs is given up, the others go on, and the process exits with 1', async () => {
  const ended = await runMain(
    `lifecycle.onClose('first', async () => say('first closed'));
     lifecycle.onClose('second', () => wait());`,
    { closeTimeoutMs: 50 },
  );
  expect(ended).toEqual({ code: 1, said: ['first closed'], logged: ['did not close cleanly'] });
});

test('waiting for an abort that has happened already ends at once', async () => {
  await expect(untilAborted(AbortSignal.abort())).resolves.toBeUndefined();
});

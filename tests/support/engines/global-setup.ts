/**
 * Vitest's global setup of the projects that need engines. Starts the keeper, once for the run, and
 * tells the workers where it listens; ends it after the last project. Engines start when a test file
 * first asks for one.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** Socket of the keeper. */
    engineKeeper: string;
  }
}

interface Shared {
  users: number;
  keeper: Promise<{ readonly child: ChildProcess; readonly socket: string }> | null;
}

const KEEPER = join(import.meta.dirname, 'keeper.ts');
const Ready = Type.Object({ socket: Type.String() });
/** Projects may load this module several times in one process. */
const SHARED = Symbol.for('wickstream.tests.keeper');

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const shared = sharedState();
  shared.users += 1;
  shared.keeper ??= startKeeper();
  project.provide('engineKeeper', (await shared.keeper).socket);
  return async () => {
    shared.users -= 1;
    if (shared.users > 0 || shared.keeper === null) return;
    const { child } = await shared.keeper;
    shared.keeper = null;
    await endKeeper(child);
  };
}

function sharedState(): Shared {
  const holder: object & { [SHARED]?: Shared } = globalThis;
  holder[SHARED] ??= { users: 0, keeper: null };
  return holder[SHARED];
}

async function startKeeper(): Promise<{ child: ChildProcess; socket: string }> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', KEEPER], {
    // In a group of its own: Ctrl-C in the terminal must not reach the engines before the tests.
    detached: true,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit').then(() => {
    throw new Error('the keeper of the test engines ended before it was ready; see above');
  });
  const lines = createInterface({ input: child.stdout });
  const [line]: unknown[] = await Promise.race([once(lines, 'line'), exited]);
  exited.catch(() => undefined);
  const { socket } = Value.Parse(Ready, JSON.parse(String(line)));
  return { child, socket };
}

async function endKeeper(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.stdin?.end();
  const [code]: unknown[] = await exited;
  if (code !== 0) {
    // Vitest counts only what tests report; a run that leaves something behind fails all the same.
    process.exitCode = 1;
    throw new Error('the test engines did not end as they should; see above');
  }
}

/**
 * One of our own processes under test: the analyzer, the scheduler, the recorded venue, as production
 * runs them. In: which, and its variables. Out: a handle that stops or kills it, and its log. The
 * keeper of the engines ends it if the test does not.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ManagedProcess } from '../../local/stack/managed-process.ts';
import { startNodeService } from '../../local/stack/services/node-service.ts';

export interface OwnProcessOptions {
  readonly name: string;
  /** Entry file, relative to the checkout. */
  readonly entry: string;
  readonly args?: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Answers 200 once the process is up. */
  readonly readyUrl: string;
  /** Folders of the run. */
  readonly folders: { readonly logs: string; readonly run: string; readonly data: string };
}

export interface OwnProcess {
  readonly name: string;
  readonly pid: number;
  /** False once it has ended, whoever ended it. */
  isRunning(): boolean;
  /** Everything it printed so far. */
  readLog(): Promise<string>;
  /**
   * Asks it to stop, unless its end is known already.
   * @throws Error when it had ended by itself, or does not end with exit code 0.
   */
  stop(): Promise<void>;
  /** Waits for an end that the test provoked. */
  ended(): ManagedProcess['exited'];
  /** SIGKILL; resolves once it is gone. */
  kill(): Promise<void>;
}

let started = 0;

export async function startOwnProcess(options: OwnProcessOptions): Promise<OwnProcess> {
  started += 1;
  // Workers live one after another and share the folders.
  const id = `own-${options.name}-${process.pid}-${started}`;
  const logFile = join(options.folders.logs, `${id}.log`);
  const child = await startNodeService({
    name: options.name,
    entry: options.entry,
    args: options.args ?? [],
    env: options.env,
    readyUrl: options.readyUrl,
    place: {
      dataDir: join(options.folders.data, id),
      logFile,
      pidFile: join(options.folders.run, `${id}.pid`),
    },
  });
  let running = true;
  /** Its end was asked for or looked at: no surprise any more. */
  let known = false;
  void child.exited.then(() => (running = false));
  return {
    name: options.name,
    pid: child.pid,
    isRunning: () => running,
    readLog: () => readFile(logFile, 'utf8'),
    stop: async () => {
      if (known) return;
      known = true;
      const early = !running;
      await child.stop();
      const { code, signal } = await child.exited;
      if (early || code !== 0) {
        const how = signal ?? `exit code ${code}`;
        throw new Error(`${options.name} ended ${early ? 'by itself ' : ''}with ${how}`);
      }
    },
    ended: async () => {
      known = true;
      return child.exited;
    },
    kill: async () => {
      known = true;
      if (running) process.kill(child.pid, 'SIGKILL');
      await child.exited;
      await child.stop();
    },
  };
}

/**
 * `wick` as a user runs it: a process of its own on free ports and with its own data. In: arguments,
 * an environment as awkward as we can make it. Out: what it printed, so far and at the end.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { resolveLayout, type StackLayout } from '../../local/stack/layout.ts';
import { stopStrays } from '../../local/stack/strays.ts';
import { isFree } from '../../local/stack/ports.ts';
import {
  freeStackPorts,
  PORT_VARIABLES,
  STACK_PORTS,
  type StackPorts,
} from '../../local/stack/stack-ports.ts';
import { waitFor } from '../../local/stack/wait.ts';

const CHECKOUT = join(import.meta.dirname, '..', '..');
const WICK = join(CHECKOUT, 'scripts', 'wick.mjs');
export const SMALL_RECORDINGS = join(CHECKOUT, 'tests', 'support', 'recordings-small');
const WAIT_MS = 150_000;

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface WickProcess {
  readonly pid: number;
  /** Settles when it is gone. */
  readonly ended: Promise<Ended>;
  /** All that it printed so far. */
  output(): string;
  /** Resolves once it has printed this. */
  printed(text: string): Promise<void>;
  signal(name: NodeJS.Signals): void;
}

/** A place for one embedded stack that shares nothing with any other. */
export class StackPlace {
  readonly layout: StackLayout;
  readonly ports: StackPorts;
  readonly #folder: string;
  readonly #started = new Set<ChildProcess>();

  private constructor(folder: string, ports: StackPorts) {
    this.#folder = folder;
    this.ports = ports;
    this.layout = resolveLayout({ checkout: CHECKOUT, dataDir: join(folder, 'دیتا of stack') });
  }

  static async create(): Promise<StackPlace> {
    const folder = await mkdtemp(join(tmpdir(), 'wick e2e '));
    // As root Postgres runs as another user, which must be able to get in.
    await chmod(folder, 0o755);
    return new StackPlace(folder, await freeStackPorts());
  }

  /** Starts a command on this place; `up` runs until it ends by itself or is told to. */
  start(...args: readonly string[]): WickProcess {
    // A shell sets a narrow umask: what we make must be as open as it needs to be, no more.
    const script = `umask 077; exec "$0" "$@"`;
    const child = spawn('sh', ['-c', script, process.execPath, WICK, ...args], {
      cwd: tmpdir(),
      env: this.#environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#started.add(child);
    child.once('close', () => this.#started.delete(child));
    return follow(child);
  }

  /** Runs a command to its end. */
  async run(...args: readonly string[]): Promise<Ended> {
    return this.start(...args).ended;
  }

  #environment(): NodeJS.ProcessEnv {
    const env: NodeJS.ProcessEnv = {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      JAVA_HOME: process.env['JAVA_HOME'],
      WICKSTREAM_CACHE_DIR: process.env['WICKSTREAM_CACHE_DIR'],
      WICKSTREAM_DATA_DIR: this.layout.base,
      // Neither may show in any result.
      LANG: 'fa_IR.UTF-8',
      TZ: 'Asia/Kathmandu',
    };
    for (const name of STACK_PORTS) env[PORT_VARIABLES[name].variable] = String(this.ports[name]);
    return env;
  }

  /** Pid of a service of the running stack. */
  async pidOf(service: string): Promise<number> {
    const text = await readFile(join(this.layout.run, `${service}.pid`), 'utf8');
    const match = /"pid":(\d+)/.exec(text);
    if (match === null) throw new Error(`no pid in ${service}.pid: ${text}`);
    return Number(match[1]);
  }

  /** Passwords of this stack. */
  async passwords(): Promise<string[]> {
    const text = await readFile(this.layout.secretsFile, 'utf8');
    return [...text.matchAll(/"\w+Password":"([^"]+)"/g)].map(([, password]) => password ?? '');
  }

  /** Logs of the services by name. */
  async logs(): Promise<Map<string, string>> {
    const logs = new Map<string, string>();
    for (const name of await readdir(this.layout.logs)) {
      logs.set(name, await readFile(join(this.layout.logs, name), 'utf8'));
    }
    return logs;
  }

  /** What a stack left behind: processes (which are ended), pid files, busy ports. */
  async leftovers(): Promise<string[]> {
    const left = (await stopStrays(this.layout.run, 'kill')).map((name) => `process of ${name}`);
    left.push(...(await readdir(this.layout.run)));
    for (const name of STACK_PORTS) {
      if (!(await isFree(this.ports[name]))) left.push(`port of ${name}`);
    }
    return left;
  }

  /** Ends what a failed test left running, and removes everything. */
  async remove(): Promise<void> {
    await Promise.all(
      [...this.#started].map(async (child) => {
        child.kill('SIGKILL');
        await once(child, 'close');
      }),
    );
    await stopStrays(this.layout.run, 'kill');
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function follow(child: ChildProcess): WickProcess {
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  let over = false;
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code) => {
      over = true;
      resolve({ code, stdout, stderr });
    });
  });
  const output = (): string => stdout + stderr;
  const has = (text: string): boolean => {
    if (output().includes(text)) return true;
    if (over) throw new Error(`wick ended without printing "${text}": ${output()}`);
    return false;
  };
  return {
    pid: child.pid ?? 0,
    ended,
    output,
    printed: async (text) => {
      const what = `wick to print "${text}"`;
      const seen = waitFor(() => Promise.resolve(has(text)), { what, timeoutMs: WAIT_MS });
      // One that has ended will print no more.
      await Promise.race([seen, ended.then(() => has(text))]);
      seen.catch(() => undefined);
    },
    signal: (name) => void child.kill(name),
  };
}

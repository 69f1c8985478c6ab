/**
 * One child process of the embedded stack: spawn, wait until it is ready, stop in order, and find
 * again after a crash of its parent. Children live in their own process group, so that a Ctrl-C in
 * the terminal reaches only the supervisor, which then stops them one by one.
 */
import { spawn } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';
import { AppError, errorText } from '#core/errors.ts';
import { rotateLog } from './log-file.ts';
import { identify, readPidFile, removePidFile, writePidFile } from './pid-file.ts';
import { sendSignal } from './signals.ts';
import { waitFor } from './wait.ts';

const KILL_TIMEOUT_MS = 10_000;
/** A service that is not up yet has nothing to save. */
const UNREADY_STOP_TIMEOUT_MS = 5_000;

export interface ProcessSpec {
  /** Service name as people see it, for example `kafka`. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly user?: { readonly uid: number; readonly gid: number } | null;
  readonly logFile: string;
  readonly pidFile: string;
  /** Resolves true once the service works; called until it does. */
  readonly ready: () => Promise<boolean>;
  readonly readyTimeoutMs: number;
  readonly stopSignal: 'SIGTERM' | 'SIGINT';
  readonly stopTimeoutMs: number;
  /** Aborted: a start that is not finished yet is given up and undone. */
  readonly signal?: AbortSignal | undefined;
}

export interface ManagedProcess {
  readonly name: string;
  readonly pid: number;
  /** Settles when the process is gone, whoever ended it. */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  /** Asks it to stop, then kills it after the bound, by default the service's own. */
  stop(timeoutMs?: number): Promise<void>;
}

/** Names the pid file of the service that a process belongs to; see `stopStrays`. */
export const OWNER_VARIABLE = 'WICKSTREAM_PID_FILE';

/** The environment that every child gets: nothing of ours leaks into engines by accident. */
export function childEnv(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of ['PATH', 'HOME', 'JAVA_HOME', 'TMPDIR', 'LANG', 'TZ', 'USER']) {
    const value = process.env[name];
    if (value !== undefined) kept[name] = value;
  }
  return { ...kept, ...extra };
}

/**
 * Starts the process and waits until it is ready.
 * @throws AppError WICK_LOCAL_ENGINE_FAILED with the end of its log when it exits or hangs first;
 * the signal's reason when it is aborted. In both cases nothing is left running.
 */
export async function startProcess(spec: ProcessSpec): Promise<ManagedProcess> {
  spec.signal?.throwIfAborted();
  await rotateLog(spec.logFile);
  const log = await open(spec.logFile, 'a');
  const child = spawn(spec.command, spec.args, {
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
    env: childEnv({ ...spec.env, [OWNER_VARIABLE]: spec.pidFile }),
    ...(spec.cwd === undefined ? {} : { cwd: spec.cwd }),
    ...(spec.user === undefined || spec.user === null ? {} : spec.user),
  });
  // Both promises listen before the first await: the events come on the next tick.
  const exited = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
    child.once('error', () => resolve({ code: -1, signal: null }));
  });
  const spawning = new Promise<Error | null>((resolve) => {
    child.once('spawn', () => resolve(null));
    child.once('error', resolve);
  });
  await log.close();
  const spawned = await spawning;
  if (spawned !== null || child.pid === undefined) {
    throw new AppError(
      'WICK_LOCAL_ENGINE_FAILED',
      `Could not run "${spec.command}" for ${spec.name}: ${errorText(spawned)}`,
      { cause: spawned },
    );
  }
  const managed = manage(child.pid, spec, exited);
  try {
    const identity = await identify(child.pid);
    if (identity !== null) await writePidFile(spec.pidFile, identity);
    await untilReady(spec, exited);
  } catch (error) {
    await managed.stop(Math.min(spec.stopTimeoutMs, UNREADY_STOP_TIMEOUT_MS));
    throw error;
  }
  return managed;
}

function manage(pid: number, spec: ProcessSpec, exited: ManagedProcess['exited']): ManagedProcess {
  let gone = false;
  void exited.then(() => (gone = true));
  return {
    name: spec.name,
    pid,
    exited,
    stop: async (timeoutMs = spec.stopTimeoutMs) => {
      // A pid that is gone may by now belong to someone else: it gets no signal.
      if (!gone) sendSignal(pid, spec.stopSignal);
      const timer = setTimeout(() => {
        if (!gone) sendSignal(-pid, 'SIGKILL');
      }, timeoutMs);
      await exited;
      clearTimeout(timer);
      await removePidFile(spec.pidFile);
    },
  };
}

async function untilReady(spec: ProcessSpec, exited: ManagedProcess['exited']): Promise<void> {
  const abort = new AbortController();
  const died = exited.then(async ({ code, signal }) => {
    if (abort.signal.aborted) return;
    throw new AppError(
      'WICK_LOCAL_ENGINE_FAILED',
      `${spec.name} stopped while starting (${signal ?? `exit ${code}`}). Its log "${spec.logFile}" ends: ${await logTail(spec.logFile)}`,
    );
  });
  const signals = [abort.signal, ...(spec.signal === undefined ? [] : [spec.signal])];
  const ready = waitFor(spec.ready, {
    what: `${spec.name} to be ready; its log is "${spec.logFile}"`,
    timeoutMs: spec.readyTimeoutMs,
    signal: AbortSignal.any(signals),
  });
  try {
    await Promise.race([ready, died]);
  } finally {
    abort.abort();
    died.catch(() => undefined);
    ready.catch(() => undefined);
  }
}

/**
 * Ends a process left over from an earlier run, if its pid file still names a live one.
 * @returns true when there was one.
 * @throws AppError WICK_LOCAL_ENGINE_FAILED when it belongs to another user or will not die.
 */
export async function stopLeftover(
  pidFile: string,
  stopSignal: 'SIGTERM' | 'SIGINT',
  stopTimeoutMs: number,
): Promise<boolean> {
  const found = await readPidFile(pidFile);
  if (found === null) {
    await removePidFile(pidFile);
    return false;
  }
  const gone = async (): Promise<boolean> =>
    (await identify(found.pid))?.startedAt !== found.startedAt;
  await endProcess(found.pid, stopSignal, stopTimeoutMs, gone);
  await removePidFile(pidFile);
  return true;
}

/** Asks, waits, kills. @param gone tells whether the process has ended. */
export async function endProcess(
  pid: number,
  stopSignal: 'SIGTERM' | 'SIGINT',
  stopTimeoutMs: number,
  gone: () => Promise<boolean>,
): Promise<void> {
  sendSignal(pid, stopSignal);
  const asked = await waitFor(gone, {
    what: `process ${pid} to stop`,
    timeoutMs: stopTimeoutMs,
  }).then(
    () => true,
    () => false,
  );
  if (asked) return;
  sendSignal(pid, 'SIGKILL');
  await waitFor(gone, { what: `process ${pid} to die`, timeoutMs: KILL_TIMEOUT_MS });
}

/** The last lines of a log, on one line, for an error message. */
export async function logTail(path: string, lines = 6): Promise<string> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.trimEnd().split('\n').slice(-lines).join(' | ').slice(-1500);
}

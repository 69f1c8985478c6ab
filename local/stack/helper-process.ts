/**
 * A program that a service needs run to its end before it starts: initdb, Kafka's format. In: what to
 * run, and how long at most. Out: nothing; a failure says what the program said.
 */
import { spawn } from 'node:child_process';
import { AppError, errorText } from '#core/errors.ts';
import { childEnv, OWNER_VARIABLE } from './managed-process.ts';
import { sendSignal } from './signals.ts';

export interface HelperSpec {
  /** For the error: `initdb could not make "…"`. */
  readonly failure: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly user?: { readonly uid: number; readonly gid: number } | null;
  /** Of the service that it works for. */
  readonly pidFile: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

const OUTPUT_CHARS_MAX = 2_000;

/** @throws AppError WICK_LOCAL_ENGINE_FAILED; the signal's reason when aborted. */
export async function runHelper(spec: HelperSpec): Promise<void> {
  spec.signal?.throwIfAborted();
  const child = spawn(spec.command, spec.args, {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: childEnv({ ...spec.env, [OWNER_VARIABLE]: spec.pidFile }),
    ...(spec.cwd === undefined ? {} : { cwd: spec.cwd }),
    ...(spec.user === undefined || spec.user === null ? {} : spec.user),
  });
  let output = '';
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString('utf8')).slice(-OUTPUT_CHARS_MAX);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const kill = (): void => {
    if (child.pid !== undefined) sendSignal(-child.pid, 'SIGKILL');
  };
  const timer = setTimeout(kill, spec.timeoutMs);
  spec.signal?.addEventListener('abort', kill, { once: true });
  const end = await new Promise<string | null>((resolve) => {
    child.once('error', (error) => resolve(errorText(error)));
    child.once('close', (code, signal) => resolve(code === 0 ? null : (signal ?? `exit ${code}`)));
  });
  clearTimeout(timer);
  spec.signal?.removeEventListener('abort', kill);
  spec.signal?.throwIfAborted();
  if (end === null) return;
  throw new AppError('WICK_LOCAL_ENGINE_FAILED', `${spec.failure} (${end}): ${output.trim()}`);
}

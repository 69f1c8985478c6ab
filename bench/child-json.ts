/** Runs one of the bench's own programs to its end. In: its file and arguments. Out: its JSON line. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Static, TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { CHECKOUT } from './bench-stack.ts';

export interface ChildOptions<Schema extends TSchema> {
  readonly args: readonly string[];
  /** Arguments of Node itself. */
  readonly nodeArgs?: readonly string[];
  /** Instead of this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly schema: Schema;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** @throws Error with what the program wrote to stderr when it fails or answers otherwise. */
export async function runForJson<Schema extends TSchema>(
  file: string,
  options: ChildOptions<Schema>,
): Promise<Static<Schema>> {
  const child = spawn(
    process.execPath,
    [...(options.nodeArgs ?? []), join(CHECKOUT, file), ...options.args],
    {
      cwd: CHECKOUT,
      ...(options.env === undefined ? {} : { env: { ...options.env } }),
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: options.timeoutMs,
      killSignal: 'SIGKILL',
      signal: options.signal,
    },
  );
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString('utf8')));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString('utf8')));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const last = stdout.trim().split('\n').at(-1) ?? '';
  if (code !== 0) throw new Error(`${file} ended with ${code}: ${stderr.slice(-2000)}`);
  return Value.Parse(options.schema, JSON.parse(last));
}

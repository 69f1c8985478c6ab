/**
 * `wick dlq` as a process of its own, with --json. In: the configuration of a pipeline, arguments. Out: its
 * exit code and the one object that it printed.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect } from 'vitest';
import type { Config } from '#platform/config.ts';

const WICK = join(import.meta.dirname, '..', '..', 'scripts', 'wick.ts');

export async function runLetterCommand(
  config: Config,
  ...args: readonly string[]
): Promise<{ readonly code: number | null; readonly json: Answer }> {
  const env = Object.fromEntries(
    Object.entries(config).map(([name, value]) => [name, String(value)]),
  );
  const child = spawn(process.execPath, [WICK, 'dlq', ...args, '--json'], {
    env: { PATH: process.env['PATH'], ...env, LOG_LEVEL: 'error' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  expect([stdout.at(0), stdout.at(-2)], stderr).toEqual(['{', '}']);
  const json: Answer = JSON.parse(stdout);
  return { code: child.exitCode, json };
}

export interface Told {
  readonly id: string;
  readonly code: string;
  readonly reason: string;
  readonly status: string;
  readonly ancestor: string | null;
  readonly attempts: number;
  readonly parts: number;
  readonly by: string;
  readonly outcome?: string;
  readonly origin: { readonly partition: number; readonly offset: string };
}
interface Shown extends Told {
  readonly stack: string | null;
  readonly key: Bytes;
  readonly value: Bytes;
  readonly headers: readonly (Bytes & { readonly name: string })[];
}
interface Bytes {
  readonly encoding: 'utf8' | 'base64' | null;
  readonly content: string | null;
}
/** What the commands print, all in one. */
interface Answer extends Shown, Listed {
  readonly passed: number;
  readonly error: { readonly code: string };
}
export interface Listed {
  readonly letters: readonly Told[];
  readonly count: number;
  readonly reasons: readonly { code: string; letters: number; waiting: number }[];
}

/** What a letter holds, to the byte. */
export function bytesOf({ encoding, content }: Bytes): Buffer | null {
  return content === null ? null : Buffer.from(content, encoding ?? 'utf8');
}

/**
 * Pid files that cannot be fooled by a reused pid: beside the pid stands the start time of the
 * process as the operating system tells it. In: pids. Out: "is it still that process?".
 */
import { execFile } from 'node:child_process';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { Type } from 'typebox';
import { Value } from 'typebox/value';

const run = promisify(execFile);

const PidRecord = Type.Object({ pid: Type.Integer({ minimum: 1 }), startedAt: Type.String() });

export interface ProcessIdentity {
  readonly pid: number;
  /** Opaque; equal only for the same process. */
  readonly startedAt: string;
}

/** The identity of a live process, or null when there is none with this pid. */
export async function identify(pid: number): Promise<ProcessIdentity | null> {
  if (process.platform === 'linux') {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
    if (stat === null) return null;
    // The name in parentheses may hold spaces; the fields after it start with the state.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? null : { pid, startedAt: fields[19] ?? '' };
  }
  const found = await run('ps', ['-o', 'lstart=', '-p', String(pid)]).catch(() => null);
  const startedAt = found?.stdout.trim() ?? '';
  return startedAt === '' ? null : { pid, startedAt };
}

/** Writes the file whole or not at all. */
export async function writePidFile(path: string, identity: ProcessIdentity): Promise<void> {
  const staging = `${path}.${process.pid}`;
  await writeFile(staging, `${JSON.stringify(identity)}\n`);
  await rename(staging, path);
}

/** The live process that the file names; null when there is no file or the process is gone. */
export async function readPidFile(path: string): Promise<ProcessIdentity | null> {
  const text = await readFile(path, 'utf8').catch(() => null);
  if (text === null) return null;
  let record: unknown;
  try {
    record = JSON.parse(text);
  } catch {
    return null; // A torn file names nobody.
  }
  if (!Value.Check(PidRecord, record)) return null;
  const live = await identify(record.pid);
  return live !== null && live.startedAt === record.startedAt ? live : null;
}

export async function removePidFile(path: string): Promise<void> {
  await rm(path, { force: true });
}

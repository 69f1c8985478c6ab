/**
 * Pid files that cannot be fooled by a reused pid: beside the pid stands the start time of the
 * process as the operating system tells it. In: pids. Out: "is it still that process?".
 */
import { execFile } from 'node:child_process';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Type } from 'typebox';
import { Value } from 'typebox/value';

const run = promisify(execFile);
/** Another claimant is at the stale file; it takes about this long. */
const RETRY_MS = 10;

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

/** How a live process was called, or null when there is none with this pid. */
export async function commandLine(pid: number): Promise<string | null> {
  if (process.platform === 'linux') {
    const text = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => null);
    return text === null ? null : text.replaceAll('\0', ' ');
  }
  const found = await run('ps', ['-o', 'args=', '-p', String(pid)]).catch(() => null);
  return found?.stdout.trim() ?? null;
}

/** Writes the file whole or not at all. */
export async function writePidFile(path: string, identity: ProcessIdentity): Promise<void> {
  const staging = `${path}.${process.pid}`;
  await writeFile(staging, `${JSON.stringify(identity)}\n`);
  await rename(staging, path);
}

/**
 * Makes the file ours unless it names another live process; of several claimants one wins.
 * @returns the process that has it: `identity` itself on success.
 */
export async function claimPidFile(
  path: string,
  identity: ProcessIdentity,
): Promise<ProcessIdentity> {
  const staging = `${path}.${process.pid}`;
  await writeFile(staging, `${JSON.stringify(identity)}\n`);
  try {
    for (;;) {
      // A link appears whole or not at all, and only where there is no file.
      if (await linked(staging, path)) return identity;
      const holder = await readPidFile(path);
      if (holder !== null) return holder;
      await discardStale(path, identity);
    }
  } finally {
    await rm(staging, { force: true });
  }
}

async function linked(from: string, to: string): Promise<boolean> {
  return link(from, to).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return false;
      throw error;
    },
  );
}

/**
 * Takes a stale file away, alone: a claimant that found it stale a moment ago would otherwise take the
 * file that another has put there since. The lock is a pid file itself, so a dead holder's is taken too.
 */
async function discardStale(path: string, identity: ProcessIdentity): Promise<void> {
  const lock = `${path}.taking`;
  const holder = await claimPidFile(lock, identity);
  if (holder.pid !== identity.pid || holder.startedAt !== identity.startedAt) {
    await delay(RETRY_MS);
    return;
  }
  try {
    if ((await readPidFile(path)) === null) await rm(path, { force: true });
  } finally {
    await rm(lock, { force: true });
  }
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

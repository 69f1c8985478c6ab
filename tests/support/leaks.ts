/**
 * Fails a test file that leaves something open: sockets, servers, child processes. Set up for every
 * file on engines. Runs after the file's own clean-up, and gives what is closing a moment to close.
 */
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterAll, expect } from 'vitest';
import { waitFor } from '../../local/stack/wait.ts';

const LEAKS = /^(TCPSocketWrap|TCPServerWrap|UDPWrap|ProcessWrap|FSEventWrap)$/;
const CLOSING_MS = 5_000;

afterAll(async () => {
  let found: string[] = [];
  const clean = async (): Promise<boolean> => {
    found = [...openHandles(), ...(await childProcesses())];
    return found.length === 0;
  };
  await waitFor(clean, { what: 'handles to close', timeoutMs: CLOSING_MS }).catch(() => undefined);
  expect(found, 'this file left handles or processes behind').toEqual([]);
});

/** What would keep a process alive; idle connections of pools that let go do not. */
function openHandles(): string[] {
  return process.getActiveResourcesInfo().filter((kind) => LEAKS.test(kind));
}

/** Children of this worker that still live, as `pid command`. */
async function childProcesses(): Promise<string[]> {
  if (process.platform !== 'linux') return childProcessesByPs();
  const found: string[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    // One that ends while we look has left nothing behind.
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => null);
    if (stat === null) continue;
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (Number(parent) !== process.pid || state === 'Z') continue;
    found.push(`${name} ${stat.slice(stat.indexOf('('), stat.lastIndexOf(')') + 1)}`);
  }
  return found;
}

async function childProcessesByPs(): Promise<string[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=,comm=']);
  return stdout
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, parent, command]) => Number(parent) === process.pid && command !== 'ps')
    .map(([pid, , command]) => `${pid} ${command}`);
}

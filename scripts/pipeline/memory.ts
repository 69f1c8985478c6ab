/**
 * Resident memory of processes and all their descendants, MiB. On Linux shared pages are counted once
 * in proportion (PSS) where the kernel lets us read that, else whole (RSS).
 */
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** Of every Linux we ship engines for. */
const PAGE_BYTES = 4096;

/** @param roots pids by name. */
export async function readMemory(
  roots: ReadonlyMap<string, number>,
): Promise<Record<string, number>> {
  const { children, rss } = await processTable();
  const result: Record<string, number> = {};
  for (const [name, root] of roots) {
    let kib = 0;
    const queue = [root];
    for (let pid = queue.pop(); pid !== undefined; pid = queue.pop()) {
      kib += (await proportional(pid)) ?? rss.get(pid) ?? 0;
      queue.push(...(children.get(pid) ?? []));
    }
    result[name] = Math.round(kib / 1024);
  }
  return result;
}

interface ProcessTable {
  readonly children: ReadonlyMap<number, number[]>;
  /** KiB by pid; empty where the kernel is asked for each process instead. */
  readonly rss: ReadonlyMap<number, number>;
}

async function processTable(): Promise<ProcessTable> {
  const children = new Map<number, number[]>();
  const rss = new Map<number, number>();
  const note = (pid: number, parent: number, kib: number): void => {
    rss.set(pid, kib);
    children.set(parent, [...(children.get(parent) ?? []), pid]);
  };
  if (process.platform === 'linux') {
    for (const name of await readdir('/proc')) {
      const stat = /^\d+$/.test(name)
        ? await readFile(`/proc/${name}/stat`, 'utf8').catch(() => null)
        : null;
      if (stat === null) continue;
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      note(Number(name), Number(fields[1]), (Number(fields[21]) * PAGE_BYTES) / 1024);
    }
  } else {
    const { stdout } = await run('ps', ['-A', '-o', 'pid=,ppid=,rss=']);
    for (const line of stdout.trim().split('\n')) {
      const [pid = 0, parent = 0, kib = 0] = line.trim().split(/\s+/).map(Number);
      note(pid, parent, kib);
    }
  }
  return { children, rss };
}

async function proportional(pid: number): Promise<number | null> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => null);
  const match = text === null ? null : /^Pss:\s+(\d+) kB/m.exec(text);
  return match === null ? null : Number(match[1]);
}

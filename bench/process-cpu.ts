/**
 * CPU time of a process and all its descendants, for explaining a figure. In: a pid. Out: seconds
 * since they started, or null where the kernel does not tell (not Linux).
 */
import { readdir, readFile } from 'node:fs/promises';

/** `USER_HZ` of every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

export async function cpuSeconds(root: number): Promise<number | null> {
  if (process.platform !== 'linux') return null;
  const parents = new Map<number, number>();
  const ticks = new Map<number, number>();
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    // A process that ends while it is looked at has nothing to tell.
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => null);
    if (stat === null) continue;
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    parents.set(Number(name), Number(fields[1]));
    ticks.set(Number(name), Number(fields[11]) + Number(fields[12]));
  }
  let sum = 0;
  for (const [pid, own] of ticks) {
    if (isBelow(pid, root, parents)) sum += own;
  }
  return sum / TICKS_PER_SECOND;
}

function isBelow(pid: number, root: number, parents: ReadonlyMap<number, number>): boolean {
  for (let at: number | undefined = pid; at !== undefined && at > 1; at = parents.get(at)) {
    if (at === root) return true;
  }
  return false;
}

/**
 * Ends this process when the one that started it is gone, from a thread of its own: the engine's main
 * thread may be held up inside a call into it, and then hears of nothing. In: the parent's pid. Out:
 * SIGKILL, since nothing can use an engine without its front and the next one waits for its lock.
 */
import { isMainThread, Worker, workerData } from 'node:worker_threads';

const LOOK_MS = 500;

/** Watches from now on; keeps no process alive. */
export function watchParent(pid: number): void {
  // Without the arguments of this process, which may be about another script.
  new Worker(import.meta.filename, { workerData: { parent: pid }, execArgv: [] }).unref();
}

function parentOf(data: unknown): number | null {
  if (typeof data !== 'object' || data === null || !('parent' in data)) return null;
  return typeof data.parent === 'number' ? data.parent : null;
}

if (!isMainThread) {
  const parent = parentOf(workerData);
  if (parent !== null) {
    // Whoever loses its parent is given another one.
    setInterval(() => {
      if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL');
    }, LOOK_MS);
  }
}

/**
 * Processes of a stack that no pid file names: those that a killed supervisor had just spawned, and
 * short helpers such as initdb. Each child carries its service's pid file in its environment, and
 * Linux lets us read that; elsewhere there is nothing to find. In: the folder of pid files. Out: names
 * of the services whose strays were ended.
 */
import { readdir, readFile } from 'node:fs/promises';
import { basename, sep } from 'node:path';
import { endProcess, OWNER_VARIABLE } from './managed-process.ts';
import { identify } from './pid-file.ts';
import { sendSignal } from './signals.ts';

const STOP_TIMEOUT_MS = 20_000;

interface Stray {
  readonly pid: number;
  readonly service: string;
}

/** Ends them in order, or at once when told to. */
export async function stopStrays(runDir: string, how: 'ask' | 'kill' = 'ask'): Promise<string[]> {
  const strays = await findStrays(runDir);
  for (const { pid, service } of strays) {
    if (how === 'kill') sendSignal(pid, 'SIGKILL');
    else {
      // Postgres waits for its clients on SIGTERM and for nobody on SIGINT.
      const signal = service === 'postgres' ? 'SIGINT' : 'SIGTERM';
      await endProcess(pid, signal, STOP_TIMEOUT_MS, async () => (await identify(pid)) === null);
    }
  }
  return [...new Set(strays.map(({ service }) => service))];
}

async function findStrays(runDir: string): Promise<Stray[]> {
  if (process.platform !== 'linux') return [];
  const strays: Stray[] = [];
  const mark = `${OWNER_VARIABLE}=${runDir}${sep}`;
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    // Gone meanwhile, or another user's: not ours.
    const environment = await readFile(`/proc/${name}/environ`, 'utf8').catch(() => '');
    const own = environment.split('\0').find((variable) => variable.startsWith(mark));
    if (own === undefined || (await identify(Number(name))) === null) continue;
    strays.push({ pid: Number(name), service: basename(own, '.pid') });
  }
  return strays;
}

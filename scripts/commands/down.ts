/** `wick down`: asks the running supervisor to stop; without one, stops what it left behind. */
import { join } from 'node:path';
import { stackEnvironment } from '../../local/stack/environment.ts';
import { stopLeftover } from '../../local/stack/managed-process.ts';
import { SERVICES, STOP_SIGNALS } from '../../local/stack/stack.ts';
import type { StackLayout } from '../../local/stack/layout.ts';
import { stackLayout, supervisorPidFile } from '../stack/start-stack.ts';

const CHECKOUT = join(import.meta.dirname, '..', '..');
const SUPERVISOR_TIMEOUT_MS = 120_000;
const SERVICE_TIMEOUT_MS = 30_000;

export async function down(): Promise<void> {
  const stopped = await stopStack(stackLayout(CHECKOUT, stackEnvironment()));
  process.stdout.write(stopped ? 'stopped\n' : 'nothing was running\n');
}

/** @returns true when something was running. */
export async function stopStack(layout: StackLayout): Promise<boolean> {
  let stopped = await stopLeftover(supervisorPidFile(layout), 'SIGTERM', SUPERVISOR_TIMEOUT_MS);
  for (const name of [...SERVICES].reverse()) {
    const file = join(layout.run, `${name}.pid`);
    if (await stopLeftover(file, STOP_SIGNALS[name], SERVICE_TIMEOUT_MS)) stopped = true;
  }
  return stopped;
}

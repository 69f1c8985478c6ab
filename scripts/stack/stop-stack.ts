/**
 * Stops a stack from outside its supervisor: whatever pid files name, and what they do not. In: the
 * layout. Out: names of what was running.
 */
import { join } from 'node:path';
import type { StackLayout } from '../../local/stack/layout.ts';
import { stopLeftover } from '../../local/stack/managed-process.ts';
import { readPidFile } from '../../local/stack/pid-file.ts';
import { sendSignal } from '../../local/stack/signals.ts';
import { SERVICES, STOP_SIGNALS } from '../../local/stack/stack.ts';
import { stopStrays } from '../../local/stack/strays.ts';

const SUPERVISOR_TIMEOUT_MS = 120_000;
const SERVICE_TIMEOUT_MS = 30_000;

export function supervisorPidFile(layout: StackLayout): string {
  return join(layout.run, 'supervisor.pid');
}

/** The supervisor first, which stops its services in order; then what it may have left. */
export async function stopStack(layout: StackLayout): Promise<boolean> {
  const file = supervisorPidFile(layout);
  const supervised = await stopLeftover(file, 'SIGTERM', SUPERVISOR_TIMEOUT_MS);
  const left = await stopServices(layout);
  return supervised || left.length > 0;
}

/** Services without a supervisor, last started first; each is told of as it ends. */
export async function stopServices(
  layout: StackLayout,
  onStopped: (name: string) => void = () => undefined,
): Promise<string[]> {
  const stopped: string[] = [];
  const note = (name: string): void => {
    stopped.push(name);
    onStopped(name);
  };
  for (const name of [...SERVICES].reverse()) {
    const file = join(layout.run, `${name}.pid`);
    if (await stopLeftover(file, STOP_SIGNALS[name], SERVICE_TIMEOUT_MS)) note(name);
  }
  for (const name of await stopStrays(layout.run)) note(name);
  return stopped;
}

/** At once, without asking: what a start after a power cut has to cope with anyway. */
export async function killServices(layout: StackLayout): Promise<void> {
  for (const name of SERVICES) {
    const found = await readPidFile(join(layout.run, `${name}.pid`));
    if (found !== null) sendSignal(-found.pid, 'SIGKILL');
  }
  await stopStrays(layout.run, 'kill');
}

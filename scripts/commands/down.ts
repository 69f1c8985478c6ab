/** `wick down`: asks the running supervisor to stop; without one, stops what it left behind. */
import { join } from 'node:path';
import { stackEnvironment } from '../../local/stack/environment.ts';
import { stackLayout } from '../stack/start-stack.ts';
import { stopStack } from '../stack/stop-stack.ts';

const CHECKOUT = join(import.meta.dirname, '..', '..');

export async function down(): Promise<void> {
  const stopped = await stopStack(stackLayout(CHECKOUT, stackEnvironment()));
  process.stdout.write(stopped ? 'stopped\n' : 'nothing was running\n');
}

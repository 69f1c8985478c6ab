/** `wick reset`: stops the embedded stack and removes its data; downloaded engines stay. */
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { AppError } from '#core/errors.ts';
import { stackEnvironment } from '../../local/stack/environment.ts';
import { removeLayout } from '../../local/stack/layout.ts';
import { stackLayout } from '../stack/start-stack.ts';
import { stopStack } from '../stack/stop-stack.ts';

const CHECKOUT = join(import.meta.dirname, '..', '..');

export async function reset(options: { readonly yes?: boolean }): Promise<void> {
  const layout = stackLayout(CHECKOUT, stackEnvironment());
  if (options.yes !== true && !(await confirmed(layout.base))) {
    process.stdout.write('nothing was removed\n');
    return;
  }
  await stopStack(layout);
  await removeLayout(layout);
  process.stdout.write(`removed the data in ${layout.base}\n`);
}

async function confirmed(path: string): Promise<boolean> {
  if (!process.stdin.isTTY) {
    throw new AppError('WICK_USAGE', `This removes all data in "${path}"; say so with --yes`);
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(?:es)?$/i.test(await terminal.question(`Remove all data in "${path}"? [y/N] `));
  } finally {
    terminal.close();
  }
}

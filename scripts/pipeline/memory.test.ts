import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { readMemory } from './memory.ts';

/** Held by each process of the tree, all pages touched. */
const HELD_MIB = 48;

const HOLD = `
  globalThis.held = Buffer.alloc(${HELD_MIB} * 1024 * 1024, 7);
  process.stdout.write('held\\n');
  setInterval(() => undefined, 1e6);`;

/** A process with a child, both holding memory; the end of the first ends the second. */
const TREE = `
  const { spawn } = require('node:child_process');
  const child = spawn(process.execPath, ['-e', ${JSON.stringify(HOLD)}]);
  process.on('SIGTERM', () => { child.once('exit', () => process.exit()); child.kill(); });
  child.stdout.once('data', () => { ${HOLD} });`;

test('a process counts with all its descendants, under its name', async () => {
  const tree = spawn(process.execPath, ['-e', TREE], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await once(tree.stdout, 'data');
    const memory = await readMemory(
      new Map([
        ['tree', tree.pid ?? 0],
        ['self', process.pid],
      ]),
    );
    expect(memory['tree']).toBeGreaterThan(2 * HELD_MIB);
    expect(memory['tree']).toBeLessThan(2 * HELD_MIB + 400);
    // The tree hangs below this process.
    expect(memory['self']).toBeGreaterThan(memory['tree']!);
  } finally {
    tree.kill();
    await once(tree, 'exit');
  }
});

test('a process that is gone counts nothing', async () => {
  const gone = spawn(process.execPath, ['-e', '']);
  await once(gone, 'exit');
  expect(await readMemory(new Map([['gone', gone.pid ?? 0]]))).toEqual({ gone: 0 });
});

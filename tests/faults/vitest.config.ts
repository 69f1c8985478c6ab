/**
 * The fault matrix: `npm run test:faults`. Real engines, one file at a time, long. A name narrows it:
 * `npm run test:faults -- crash-points`. FAULT_SEED replays one seed.
 */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  root: `${import.meta.dirname}/../..`,
  test: {
    include: ['tests/faults/*.fault.ts'],
    globalSetup: ['tests/support/engines/global-setup.ts'],
    setupFiles: ['tests/support/leaks.ts'],
    fileParallelism: false,
    maxWorkers: 1,
    testTimeout: 300_000,
    hookTimeout: 240_000,
  },
});

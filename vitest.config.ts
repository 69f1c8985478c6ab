/**
 * How the tests run. Four projects, one after the other: `unit` (pure, fast, no engines), `int` (one
 * or two real engines, files side by side), `integrity` (the whole pipeline, one file at a time) and
 * `e2e`. The last three share one set of engines, started by the first file that asks. Under CI the
 * results also go into a report for the totals.
 */
import { defineConfig } from 'vitest/config';

/** Read by scripts/test-totals.ts. */
const CI_REPORT = '.wickstream-ci/tests.json';

const EXCLUDED = ['**/node_modules/**', '**/.wickstream*/**'];
/** Kills its engine again and again: it wants the machine to itself. */
const KILLS = 'local/clickhouse/recovery.int.test.ts';
const ON_ENGINES = {
  globalSetup: ['tests/support/engines/global-setup.ts'],
  setupFiles: ['tests/support/leaks.ts'],
  testTimeout: 60_000,
  // The first file that asks for an engine waits for its start.
  hookTimeout: 240_000,
};

export default defineConfig({
  test: {
    reporters:
      process.env['CI'] === undefined
        ? ['default']
        : ['default', ['json', { outputFile: CI_REPORT }]],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['**/*.test.ts'],
          exclude: [...EXCLUDED, '**/*.int.test.ts', '**/*.e2e.test.ts'],
          testTimeout: 60_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...ON_ENGINES,
          name: 'int',
          include: ['**/*.int.test.ts'],
          exclude: [...EXCLUDED, 'tests/integrity/**', KILLS],
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...ON_ENGINES,
          name: 'integrity',
          include: ['tests/integrity/**/*.int.test.ts', KILLS],
          exclude: EXCLUDED,
          // One pipeline, one owner at a time.
          fileParallelism: false,
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          ...ON_ENGINES,
          name: 'e2e',
          include: ['tests/e2e/**/*.e2e.test.ts'],
          exclude: EXCLUDED,
          fileParallelism: false,
          maxWorkers: 1,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});

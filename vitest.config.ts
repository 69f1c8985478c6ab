/** How the tests run: all `*.test.ts`, on bounded time; under CI also into a report for the totals. */
import { defineConfig } from 'vitest/config';

/** Read by .ci/totals.mjs. */
const CI_REPORT = '.wickstream-ci/tests.json';

export default defineConfig({
  test: {
    include: ['**/*.test.ts'],
    exclude: ['node_modules/**', '.wickstream/**'],
    testTimeout: 60_000,
    hookTimeout: 180_000,
    reporters:
      process.env['CI'] === undefined
        ? ['default']
        : ['default', ['json', { outputFile: CI_REPORT }]],
  },
});

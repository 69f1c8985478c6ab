/**
 * The totals of a test run: `node .ci/totals.mjs REPORT STATUS`. In: vitest's JSON report and the
 * exit status of the run. Out: one line, `N passed, N failed`; exit 1 unless tests passed and none
 * failed. A file that could not run at all, a missing report and a run that failed for another
 * reason (an unhandled error, a leak) each count as a failure: nothing that went wrong reads as 0.
 */
import { readFileSync } from 'node:fs';

/** @returns {{ passed: number, failed: number }} */
export function totalsOf(report, status) {
  let passed = 0;
  let failed = 0;
  for (const file of report.testResults) {
    const failures = file.assertionResults.filter((test) => test.status === 'failed').length;
    passed += file.assertionResults.filter((test) => test.status === 'passed').length;
    failed += file.status === 'failed' ? Math.max(failures, 1) : failures;
  }
  const ranNothing = passed + failed === 0;
  if (failed === 0 && (status !== 0 || !report.success || ranNothing)) failed = 1;
  return { passed, failed };
}

function readReport(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    process.stderr.write(`no report of a test run: ${error.message}\n`);
    return { success: false, testResults: [] };
  }
}

if (import.meta.main ?? process.argv[1] === import.meta.filename) {
  const [path = '', status = ''] = process.argv.slice(2);
  const { passed, failed } = totalsOf(readReport(path), Number(status || 1));
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  process.exitCode = failed === 0 ? 0 : 1;
}

/**
 * The totals of a test run: `node scripts/test-totals.ts REPORT STATUS`. In: vitest's JSON report and
 * the exit status of the run. Out: one line, `N passed, N failed`; exit 1 unless tests passed and
 * none failed. A file that could not run, a missing report and a run that failed for another reason
 * (an unhandled error, a leak) each count as a failure: nothing that went wrong reads as 0.
 */
import { readFileSync } from 'node:fs';
import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { errorText } from '#core/errors.ts';

const REPORT = Type.Object({
  success: Type.Boolean(),
  testResults: Type.Array(
    Type.Object({
      status: Type.String(),
      assertionResults: Type.Array(Type.Object({ status: Type.String() })),
    }),
  ),
});

function totalsOf(
  report: Static<typeof REPORT>,
  status: number,
): { readonly passed: number; readonly failed: number } {
  let passed = 0;
  let failed = 0;
  for (const file of report.testResults) {
    const failures = file.assertionResults.filter((test) => test.status === 'failed').length;
    passed += file.assertionResults.filter((test) => test.status === 'passed').length;
    failed += file.status === 'failed' ? Math.max(failures, 1) : failures;
  }
  const wentWrong = status !== 0 || !report.success || passed === 0;
  return { passed, failed: failed === 0 && wentWrong ? 1 : failed };
}

function readReport(path: string): Static<typeof REPORT> {
  try {
    return Value.Parse(REPORT, JSON.parse(readFileSync(path, 'utf8')));
  } catch (error) {
    process.stderr.write(`no report of a test run in "${path}": ${errorText(error)}\n`);
    return { success: false, testResults: [] };
  }
}

const [path = '', status = ''] = process.argv.slice(2);
const { passed, failed } = totalsOf(readReport(path), status === '' ? 1 : Number(status));
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;

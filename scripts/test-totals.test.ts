/**
 * The last line of .ci/run says the truth: whatever goes wrong in a run counts as a failure. In:
 * reports in vitest's JSON form. Out: the line and exit status of the script.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';

const TOTALS = join(import.meta.dirname, 'test-totals.ts');
const FOLDER = mkdtempSync(join(tmpdir(), 'wick-totals-'));

afterAll(() => rmSync(FOLDER, { recursive: true }));

interface FileResult {
  readonly status: 'passed' | 'failed';
  readonly tests?: readonly string[];
}

function check(
  files: readonly FileResult[] | null,
  run: { readonly status: number; readonly success?: boolean },
  expected: { readonly line: string; readonly exit: number },
): void {
  const path = join(FOLDER, 'report.json');
  rmSync(path, { force: true });
  if (files !== null) {
    const testResults = files.map(({ status, tests = [] }) => ({
      status,
      assertionResults: tests.map((result) => ({ status: result })),
    }));
    writeFileSync(path, JSON.stringify({ success: run.success ?? run.status === 0, testResults }));
  }
  const done = spawnSync(process.execPath, [TOTALS, path, String(run.status)], {
    encoding: 'utf8',
  });
  expect(done.stdout).toBe(`${expected.line}\n`);
  expect(done.status).toBe(expected.exit);
}

test('counts what passed, and neither skipped nor pending tests', () => {
  check(
    [
      { status: 'passed', tests: ['passed', 'passed', 'skipped', 'todo'] },
      { status: 'passed', tests: ['passed'] },
    ],
    { status: 0 },
    { line: '3 passed, 0 failed', exit: 0 },
  );
});

test('counts failed tests of several files', () => {
  check(
    [
      { status: 'failed', tests: ['passed', 'failed', 'failed'] },
      { status: 'failed', tests: ['failed'] },
    ],
    { status: 1 },
    { line: '1 passed, 3 failed', exit: 1 },
  );
});

test('counts a file that could not be loaded as a failure', () => {
  check(
    [{ status: 'passed', tests: ['passed'] }, { status: 'failed' }],
    { status: 1 },
    { line: '1 passed, 1 failed', exit: 1 },
  );
});

test('counts a run that failed although every test passed', () => {
  check(
    [{ status: 'passed', tests: ['passed'] }],
    { status: 1, success: true },
    { line: '1 passed, 1 failed', exit: 1 },
  );
  check(
    [{ status: 'passed', tests: ['passed'] }],
    { status: 0, success: false },
    { line: '1 passed, 1 failed', exit: 1 },
  );
});

test('counts a run without tests, and one without a report, as a failure', () => {
  check([], { status: 0 }, { line: '0 passed, 1 failed', exit: 1 });
  check(null, { status: 0 }, { line: '0 passed, 1 failed', exit: 1 });
});

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { DOCUMENT, faultsDocument } from './report.ts';
import { readResults, type FaultRun } from './results.ts';

const HELD: FaultRun = {
  result: 'held',
  problems: [],
  transactions: 10,
  rows: 100,
  looks: 9,
  duplicates: { topic: 2, sink: 3 },
  healMs: 1_500,
  notes: { pass: 4 },
  at: '2026-01-01T00:00:00.000Z',
};

test('docs/faults.md says what the result files say; if not, run "npm run faults:report"', async () => {
  expect(readFileSync(DOCUMENT, 'utf8')).toBe(await faultsDocument(readResults()));
});

test('a fault without a result is shown as not run, and one that failed with its reason', async () => {
  const lost: FaultRun = { ...HELD, result: 'violated', problems: ['I1: a day differs'] };
  const runs = { '1': HELD, '2': lost };
  const text = await faultsDocument([{ fault: 'F7', variant: 'after-poll', runs }]);
  expect(text).toMatch(
    /\| F7 analyzer killed at a named point +\| after poll \| 2 +\| 4 +\| 6 +\| 1\.5–1\.5 +\| \*\*1 of 2 held\*\* \|/,
  );
  expect(text).toContain('- F7 after-poll, seed 2: `I1: a day differs`');
  expect(text).toMatch(/\| F11 API killed under load +\| +\| 0 .*not run/);
});

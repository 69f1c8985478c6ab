/**
 * docs/metrics.md names every metric of ours, and none that is not. In: the document, the text of the code:
 * each metric is made by one call with its name and what it means.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from '../support/compose.ts';
import { filesBelow } from '../support/sources.ts';

const CALL =
  /metrics\.(?<kind>counter|gauge|histogram)\(\s*'(?<name>[a-z_]+)',\s*'(?<help>[^']+)'/g;
const ROW =
  /^\| `wick_(?<name>[a-z_]+)` +\| (?<kind>\w+) +\| (?<process>\w+) +\| (?<help>.+?) +\|$/gm;
/** Where a process makes its metrics. */
const FOLDERS = {
  analyzer: 'analyzer',
  connectors: 'watchdog',
  etl: 'streamer',
  scheduler: 'scheduler',
} as const;

function ofCode(): string[] {
  return Object.entries(FOLDERS).flatMap(([folder, process]) =>
    filesBelow(ROOT, folder)
      .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
      .flatMap((path) => [...readFileSync(join(ROOT, path), 'utf8').matchAll(CALL)])
      .map(
        ({ groups }) => `${groups?.['name']} ${groups?.['kind']} ${process} ${groups?.['help']}`,
      ),
  );
}

test('the document and the code name the same metrics, with the same words', () => {
  const text = readFileSync(join(ROOT, 'docs/metrics.md'), 'utf8');
  const told = [...text.matchAll(ROW)].map(
    ({ groups }) =>
      `${groups?.['name']} ${groups?.['kind']} ${groups?.['process']} ${groups?.['help']}`,
  );
  expect(told.length).toBeGreaterThan(20);
  expect(told.sort()).toEqual(ofCode().sort());
});

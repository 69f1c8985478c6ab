/** Holds that every fixture of a folder stands in its SOURCES.md with its hash. Registers one test. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

export function testFixturesAreListed(folder: string): void {
  test('every fixture is listed in SOURCES.md with its hash', () => {
    const sources = readFileSync(join(folder, 'SOURCES.md'), 'utf8');
    const files = readdirSync(folder).filter((name) => name !== 'SOURCES.md');
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) {
      const hash = createHash('sha256')
        .update(readFileSync(join(folder, file)))
        .digest('hex');
      expect(sources, `SOURCES.md names "${file}" and its hash`).toMatch(
        new RegExp(`\\| ${file.replaceAll('.', '\\.')} \\|.*${hash}`),
      );
    }
  });
}

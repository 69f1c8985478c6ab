/** The bundled recordings are what PROVENANCE.md says: checksums, counts, ranges, order. */
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { formatInstant, epochMs } from '#core/time.ts';
import { RECORDINGS_DIRECTORY } from './recorded-venue.ts';
import { loadRecordings } from './recordings-folder.ts';

const SMALL = join(import.meta.dirname, '..', '..', 'tests', 'support', 'recordings-small');

describe.each([
  ['bundled', RECORDINGS_DIRECTORY],
  ['small', SMALL],
])('the %s recordings', (_name, directory) => {
  test('are exactly the files that their provenance lists, by count, range and hash', async () => {
    const provenance = readFileSync(join(directory, 'PROVENANCE.md'), 'utf8');
    const listed = provenance
      .split('\n')
      .filter((line) => line.includes('.csv.gz |'))
      .map((line) => line.split('|').map((cell) => cell.trim()))
      .map((cells) => ({ file: cells[1] ?? '', rest: cells.slice(-6, -1) }));
    const { recordings, rejected } = await loadRecordings(directory);
    expect(rejected).toEqual([]);
    const found = recordings.map((each) => {
      const minute = (time: number | undefined): string =>
        formatInstant(epochMs(time ?? 0)).replace(':00.000Z', 'Z');
      const bytes = readFileSync(join(directory, each.file));
      return [
        each.file,
        String(each.count),
        minute(each.openTimes[0]),
        minute(each.openTimes.at(-1)),
        createHash('sha256').update(bytes).digest('hex'),
      ];
    });
    expect(found).toEqual(listed.map(({ file, rest }) => [file, ...rest.slice(-4)]));
    expect(readdirSync(directory)).toHaveLength(recordings.length + 1);
  });
});

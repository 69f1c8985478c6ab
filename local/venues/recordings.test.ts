/** The bundled recordings are what PROVENANCE.md says: checksums, counts, ranges, order, roll-ups. */
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { formatInstant, epochMs } from '#core/time.ts';
import { RECORDINGS_DIRECTORY } from './recorded-venue.ts';
import { loadRecordings } from './recordings-folder.ts';
import { readCells, type Recording } from './recording.ts';

const SMALL = join(import.meta.dirname, '..', '..', 'tests', 'support', 'recordings-small');

const byFile = (a: readonly unknown[], b: readonly unknown[]): number =>
  String(a[0]) < String(b[0]) ? -1 : 1;

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
    const { recordings, funding, rejected } = await loadRecordings(directory);
    expect(rejected).toEqual([]);
    const loaded = [
      ...recordings.map(({ file, openTimes }) => ({ file, times: [...openTimes] })),
      ...funding.map(({ file, rows }) => ({ file, times: rows.map(({ time }) => time) })),
    ];
    const found = loaded.map(({ file, times }) => {
      const minute = (time: number | undefined): string =>
        formatInstant(epochMs(time ?? 0)).replace(':00.000Z', 'Z');
      const bytes = readFileSync(join(directory, file));
      return [
        file,
        String(times.length),
        minute(times[0]),
        minute(times.at(-1)),
        createHash('sha256').update(bytes).digest('hex'),
      ];
    });
    const expected = listed.map(({ file, rest }) => [file, ...rest.slice(-4)]);
    expect(found.sort(byFile)).toEqual(expected.sort(byFile));
    const files = readdirSync(directory, { recursive: true, withFileTypes: true });
    expect(files.filter((entry) => entry.isFile())).toHaveLength(loaded.length + 1);
  });
});

/** Decimal text as an integer of 1e-20. */
function scaled(text: string): bigint {
  const [whole = '', fraction = ''] = text.split('.');
  return BigInt(whole + fraction.padEnd(20, '0'));
}

function rollUp(rows: readonly (readonly string[])[]): readonly bigint[] {
  const column = (at: number): bigint[] => rows.map((row) => scaled(row[at] ?? ''));
  const ends = [column(1)[0], column(4).at(-1)].map((each) => each ?? 0n);
  const high = column(2).reduce((a, b) => (a > b ? a : b));
  const low = column(3).reduce((a, b) => (a < b ? a : b));
  const volume = column(5).reduce((a, b) => a + b);
  return [ends[0] ?? 0n, high, low, ends[1] ?? 0n, volume];
}

test.each(['BTC', 'LTC'])('the 5m candles of %s are rolled up from five minutes', async (base) => {
  const { recordings } = await loadRecordings(RECORDINGS_DIRECTORY);
  const rowsOf = (interval: string): string[][] => {
    const isIt = (each: Recording): boolean =>
      each.venue === 'coinbase' && each.base === base && each.interval === interval;
    const found = recordings.find(isIt);
    return found === undefined ? [] : readCells(found, 0, found.count);
  };
  const groups = Map.groupBy(rowsOf('1m'), ([time]) => Math.floor(Number(time) / 300_000));
  const expected = [...groups]
    .filter(([, rows]) => rows.length === 5)
    .map(([bucket, rows]) => [bucket * 300_000, ...rollUp(rows)]);
  const bundled = rowsOf('5m').map(([time, ...cells]) => [Number(time), ...cells.map(scaled)]);
  expect(bundled).toEqual(expected);
  expect(bundled.length).toBeGreaterThan(700);
});

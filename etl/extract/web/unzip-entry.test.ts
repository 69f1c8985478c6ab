import { zipSync } from 'fflate';
import { describe, expect, test } from 'vitest';
import { capturedBytes } from '../../../tests/support/web-documents.ts';
import { unzipEntry } from './unzip-entry.ts';

const CSV = capturedBytes('ecb-eurofxref-hist.11-lines.csv');
const entry = {
  source: 'test',
  url: 'https://rates.example/a.zip',
  name: 'a.csv',
  bytesMax: 100_000,
};

describe('a file in a zip', () => {
  test('comes out as it went in', () => {
    const zip = zipSync({ 'readme.txt': Buffer.from('x'), 'a.csv': CSV });
    expect(Buffer.from(unzipEntry(zip, entry)).equals(CSV)).toBe(true);
  });

  test('that is only stored comes out as well', () => {
    const zip = zipSync({ 'a.csv': [CSV, { level: 0 }] });
    expect(Buffer.from(unzipEntry(zip, entry)).equals(CSV)).toBe(true);
  });

  test('that unpacks to more than is allowed is given up on the way', () => {
    // 50 MB of zeros in 50 kB.
    const bomb = zipSync({ 'a.csv': new Uint8Array(50 * 1024 * 1024) });
    expect(bomb.length).toBeLessThan(80_000);
    expect(() => unzipEntry(bomb, entry)).toThrow(
      expect.objectContaining({ code: 'WICK_ETL_SOURCE_FORBIDDEN' }),
    );
  });

  test('that is not there, or there twice, or not whole, is told so', () => {
    const zip = zipSync({ 'a.csv': CSV });
    const other = zipSync({ 'b.csv': CSV });
    expect(() => unzipEntry(other, entry)).toThrow('the zip holds no "a.csv"');
    expect(() => unzipEntry(Buffer.concat([zip, zip]), entry)).toThrow('more than one');
    expect(() => unzipEntry(zip.subarray(0, 200), entry)).toThrow(
      expect.objectContaining({ code: 'WICK_ETL_VENUE_PAYLOAD' }),
    );
    expect(() => unzipEntry(Buffer.from('no zip at all'), entry)).toThrow(
      expect.objectContaining({ code: 'WICK_ETL_VENUE_PAYLOAD' }),
    );
  });

  test('with damaged bytes is refused', () => {
    const zip = Uint8Array.from(zipSync({ 'a.csv': CSV }));
    zip.fill(0xff, 60, 90);
    expect(() => unzipEntry(zip, entry)).toThrow(
      expect.objectContaining({ code: 'WICK_ETL_VENUE_PAYLOAD' }),
    );
  });
});

/**
 * One file out of a zip, over `fflate`. In: the bytes of the zip. Out: the bytes of the file. It is
 * unpacked piece by piece and given up as soon as it grows past the bound, whatever size the zip
 * claims; nothing is ever written to a disk.
 */
import { Unzip, UnzipInflate, type UnzipFile } from 'fflate';
import { AppError, errorText } from '#core/errors.ts';
import { unreadable } from './source.ts';

/** Deflate packs 1:1032 at best, so that one piece unpacks to 17 MB at most. */
const PIECE_BYTES = 16_384;

export interface ZipEntry {
  readonly source: string;
  readonly url: string;
  readonly name: string;
  readonly bytesMax: number;
}

/**
 * @throws AppError WICK_ETL_VENUE_PAYLOAD where the zip does not hold the file once and whole,
 * WICK_ETL_SOURCE_FORBIDDEN where it unpacks to more than `bytesMax`.
 */
export function unzipEntry(zip: Uint8Array, entry: ZipEntry): Uint8Array {
  const { source, url, name, bytesMax } = entry;
  const out: Unpacked = { names: [], chunks: [], size: 0, isWhole: false, failure: null };
  const unzip = new Unzip((file) => take(file, name, out));
  unzip.register(UnzipInflate);
  try {
    for (let at = 0; at < zip.length; at += PIECE_BYTES) {
      unzip.push(zip.subarray(at, at + PIECE_BYTES), at + PIECE_BYTES >= zip.length);
      if (out.size > bytesMax) throw tooLarge(entry);
      if (out.failure !== null) throw out.failure;
    }
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw unreadable(source, url, `the zip is damaged (${errorText(error)})`);
  }
  const found = out.names.filter((each) => each === name).length;
  if (found === 1 && out.isWhole) return Buffer.concat(out.chunks);
  const what = found === 0 ? 'holds no' : found > 1 ? 'holds more than one' : 'was cut off within';
  throw unreadable(source, url, `the zip ${what} "${name}"`);
}

interface Unpacked {
  readonly names: string[];
  readonly chunks: Uint8Array[];
  size: number;
  isWhole: boolean;
  failure: Error | null;
}

function take(file: UnzipFile, wanted: string, out: Unpacked): void {
  out.names.push(file.name);
  if (file.name !== wanted) return;
  file.ondata = (error, chunk, final) => {
    out.failure ??= error;
    if (error !== null) return;
    out.size += chunk.length;
    out.chunks.push(chunk);
    out.isWhole ||= final;
  };
  file.start();
}

function tooLarge({ source, url, name, bytesMax }: ZipEntry): AppError {
  return new AppError(
    'WICK_ETL_SOURCE_FORBIDDEN',
    `${source}: "${name}" in ${url} unpacks to more than ${bytesMax} bytes; it is not read`,
    { details: { source, url, bytesMax } },
  );
}

/**
 * Files and stdin that a user names, up to a bound. In: a path, or "-" for stdin. Out: bytes, unpacked
 * where they are gzip. What is larger is refused before it is held, so no file can eat the memory.
 */
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import type { Readable } from 'node:stream';
import { AppError, errorText } from '#core/errors.ts';

/** Unpacked. The largest answer of a venue that we know, a list of all symbols, is below 20 MB. */
export const INPUT_BYTES_MAX = 64 * 1024 * 1024;

const GZIP_MAGIC = [0x1f, 0x8b];

/** @throws AppError WICK_USAGE where it cannot be read, is no sound gzip, or is too large. */
export async function readBounded(
  path: string,
  { stdin = process.stdin, bytesMax = INPUT_BYTES_MAX }: ReadBounds = {},
): Promise<Buffer> {
  const name = path === '-' ? 'what stdin gives' : `"${path}"`;
  try {
    const packed = await collect(path === '-' ? stdin : createReadStream(path), bytesMax);
    if (!isGzip(packed)) return packed;
    let plain: Buffer = Buffer.alloc(0);
    await pipeline([packed], createGunzip(), async (unpacked: AsyncIterable<Buffer>) => {
      plain = await collect(unpacked, bytesMax);
    });
    return plain;
  } catch (error) {
    const why = error instanceof TooLarge ? error.message : `cannot be read: ${errorText(error)}`;
    throw new AppError('WICK_USAGE', `${name} ${why}`, { cause: error });
  }
}

interface ReadBounds {
  readonly stdin?: Readable;
  readonly bytesMax?: number;
}

class TooLarge extends Error {
  constructor(bytesMax: number) {
    const mib = bytesMax / 1024 / 1024;
    super(`is larger than ${mib} MiB (unpacked), the most that is read at once; give it in parts`);
  }
}

async function collect(stream: AsyncIterable<Buffer>, bytesMax: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of stream) {
    bytes += part.length;
    if (bytes > bytesMax) throw new TooLarge(bytesMax);
    parts.push(part);
  }
  return Buffer.concat(parts, bytes);
}

function isGzip(bytes: Buffer): boolean {
  return GZIP_MAGIC.every((byte, at) => bytes[at] === byte);
}

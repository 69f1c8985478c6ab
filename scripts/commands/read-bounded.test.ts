/** Inputs of commands: files and stdin, plain and packed, up to a bound that is small here. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readBounded } from './read-bounded.ts';

const MIB = 1024 * 1024;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wick-input-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function read(bytes: Buffer, from: 'file' | 'stdin'): Promise<Buffer> {
  if (from === 'stdin') {
    // Chunks are buffers, as those of a pipe.
    return readBounded('-', { stdin: Readable.from([bytes]), bytesMax: MIB });
  }
  const path = join(folder, 'input');
  await writeFile(path, bytes);
  return readBounded(path, { bytesMax: MIB });
}

test.each(['file', 'stdin'] as const)('as much as the bound is read from %s', async (from) => {
  const bytes = Buffer.alloc(MIB, 'x');
  expect((await read(bytes, from)).equals(bytes)).toBe(true);
  expect((await read(gzipSync(bytes), from)).equals(bytes)).toBe(true);
  expect((await read(Buffer.alloc(0), from)).length).toBe(0);
});

test.each(['file', 'stdin'] as const)(
  'a byte more is refused from %s, packed too',
  async (from) => {
    const bytes = Buffer.alloc(MIB + 1, 'x');
    const refusal = expect.objectContaining({
      code: 'WICK_USAGE',
      message: expect.stringMatching(/(?:input"|stdin gives) is larger than 1 MiB \(unpacked\)/),
    }) as unknown;
    await expect(read(bytes, from)).rejects.toEqual(refusal);
    await expect(read(gzipSync(bytes), from)).rejects.toEqual(refusal);
  },
);

test('a stdin without end is not waited for', async () => {
  const endless = Readable.from(
    (function* () {
      for (;;) yield Buffer.alloc(MIB / 4);
    })(),
  );
  await expect(readBounded('-', { stdin: endless, bytesMax: MIB })).rejects.toThrow(/larger than/);
  expect(endless.destroyed).toBe(true);
});

test.each([
  ['a file that is none', 'absent', /"absent" cannot be read: ENOENT/],
  ['a folder', tmpdir(), /cannot be read: EISDIR/],
])('%s is said to be so', async (_name, path, message) => {
  await expect(readBounded(path)).rejects.toThrow(message);
});

test('a packed file that was cut is said to be so', async () => {
  await expect(read(gzipSync(Buffer.alloc(5_000, 'x')).subarray(0, 20), 'file')).rejects.toThrow(
    /cannot be read: unexpected end of file/,
  );
});

/** Compressed request bodies, of one frame and of several, whole and damaged. */
import { describe, expect, it } from 'vitest';
import * as zlib from 'node:zlib';
import { decodeBody } from './decode.ts';

const PLAIN = Buffer.from('abcabcabc — '.repeat(20_000));

async function* chunked(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function decoded(bytes: Buffer, encoding: string, size = 1000): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of decodeBody(chunked(bytes, size), encoding)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/**
 * Written by the reference implementation (python lz4 4.4.5): two frames, `lz4.frame.compress(b"wick" * 40)` and
 * `lz4.frame.compress(b"stream", block_checksum=True, content_checksum=True)`.
 */
const LZ4_FRAMES = Buffer.from(
  '04224d186840a000000000000000860e0000004f7769636b040084506b7769636b0000000004224d187c400600000000000000790600008073747265616ddc9fbe4300000000dc9fbe43',
  'hex',
);

describe('request bodies', () => {
  it.each([
    ['gzip', zlib.gzipSync],
    ['deflate', zlib.deflateSync],
    ['br', zlib.brotliCompressSync],
    ['zstd', zlib.zstdCompressSync],
  ])('are decoded from %s', async (encoding, compress) => {
    expect((await decoded(compress(PLAIN), encoding)).equals(PLAIN)).toBe(true);
  });

  it.each([
    ['gzip', zlib.gzipSync],
    ['br', zlib.brotliCompressSync],
    ['zstd', zlib.zstdCompressSync],
  ])('are decoded from several frames of %s, wherever they are cut', async (encoding, compress) => {
    const frames = Buffer.concat([compress(PLAIN), compress(Buffer.from('x')), compress(PLAIN)]);
    const expected = Buffer.concat([PLAIN, Buffer.from('x'), PLAIN]);
    for (const size of [17, 1000, frames.length]) {
      expect((await decoded(frames, encoding, size)).equals(expected)).toBe(true);
    }
  });

  it('are passed on as they are without an encoding', async () => {
    expect((await decoded(PLAIN, 'identity')).equals(PLAIN)).toBe(true);
  });

  it.each(['gzip', 'zstd', 'br', 'lz4'])(
    'that are damaged in %s end in code 271',
    async (encoding) => {
      await expect(decoded(Buffer.from('no such frame, surely'), encoding)).rejects.toMatchObject({
        code: 271,
      });
    },
  );

  it('in an unknown encoding end in code 89', () => {
    expect(() => decodeBody(chunked(PLAIN, 10), 'snappy')).toThrow(
      expect.objectContaining({ code: 89 }),
    );
  });
});

describe('LZ4 frames', () => {
  it.each([1, 3, 1000])(
    'of the reference implementation are decoded, %d bytes at a time',
    async (size) => {
      const plain = await decoded(LZ4_FRAMES, 'lz4', size);
      expect(plain.toString()).toBe(`${'wick'.repeat(40)}stream`);
    },
  );

  it('that end early are refused', async () => {
    await expect(decoded(LZ4_FRAMES.subarray(0, 20), 'lz4')).rejects.toMatchObject({ code: 271 });
  });
});

/**
 * LZ4 frames, decoded. In: a stream of one or more frames (clickhouse-connect sends one per block). Out: the
 * plain bytes, one chunk per LZ4 block. Node has no LZ4, so this is the format's own: header, blocks, matches that
 * may reach 64 KiB back into earlier blocks. Checksums are passed over: the bytes come by TCP and are parsed after.
 * @see https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md and lz4_Block_format.md
 */
import { clickHouseError } from './clickhouse-error.ts';

const FRAME_MAGIC = 0x184d2204;
const SKIPPABLE_MAGIC = 0x184d2a50;
const WINDOW_BYTES = 64 * 1024;
/** Index 4 to 7 of the block size field. */
const BLOCK_BYTES = new Map([
  [4, 64 * 1024],
  [5, 256 * 1024],
  [6, 1024 * 1024],
  [7, 4 * 1024 * 1024],
]);

export async function* decodeLz4(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const reader = new ByteReader(source);
  while (await reader.has(4)) {
    const magic = (await reader.take(4)).readUInt32LE();
    if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) {
      await reader.skip((await reader.take(4)).readUInt32LE());
    } else if (magic === FRAME_MAGIC) {
      yield* decodeFrame(reader);
    } else {
      throw damaged('no frame begins where one should');
    }
  }
  if (await reader.has(1)) throw damaged('bytes follow the last frame');
}

async function* decodeFrame(reader: ByteReader): AsyncGenerator<Buffer> {
  const descriptor = await reader.take(2);
  const flags = descriptor.readUInt8(0);
  if (flags >> 6 !== 1) throw damaged('unknown version');
  if ((flags & 1) !== 0) throw damaged('dictionaries are not supported');
  const blockChecksum = (flags & 0x10) !== 0;
  const blockBytesMax = BLOCK_BYTES.get((descriptor.readUInt8(1) >> 4) & 7);
  if (blockBytesMax === undefined) throw damaged('unknown block size');
  if ((flags & 0x08) !== 0) await reader.skip(8);
  await reader.skip(1);
  let window = Buffer.alloc(0);
  for (;;) {
    const size = (await reader.take(4)).readUInt32LE();
    if (size === 0) break;
    const stored = size >>> 31 === 1;
    const length = size & 0x7fffffff;
    if (length > blockBytesMax) throw damaged('a block is larger than its frame allows');
    const block = await reader.take(length);
    if (blockChecksum) await reader.skip(4);
    const plain = stored ? Buffer.from(block) : decodeBlock(block, window, blockBytesMax);
    yield plain;
    window = Buffer.concat([window, plain]).subarray(-WINDOW_BYTES);
  }
  if ((flags & 0x04) !== 0) await reader.skip(4);
}

/** One block; `window` is what matches may reach back to. */
function decodeBlock(block: Buffer, window: Buffer, bytesMax: number): Buffer {
  const out = Buffer.allocUnsafe(window.length + bytesMax);
  window.copy(out);
  let to = window.length;
  let from = 0;
  while (from < block.length) {
    const token = block[from] ?? 0;
    from += 1;
    let literals = token >> 4;
    if (literals === 15) {
      let more = 255;
      while (more === 255) {
        more = block[from] ?? 0;
        literals += more;
        from += 1;
      }
    }
    if (from + literals > block.length || to + literals > out.length)
      throw damaged('literals run over');
    block.copy(out, to, from, from + literals);
    to += literals;
    from += literals;
    if (from >= block.length) break;
    const offset = (block[from] ?? 0) | ((block[from + 1] ?? 0) << 8);
    from += 2;
    let length = (token & 15) + 4;
    if (length === 19) {
      let more = 255;
      while (more === 255) {
        more = block[from] ?? 0;
        length += more;
        from += 1;
      }
    }
    if (offset === 0 || offset > to || to + length > out.length)
      throw damaged('a match points outside');
    copyMatch(out, to, offset, length);
    to += length;
  }
  return out.subarray(window.length, to);
}

/** A match may overlap itself: then its bytes repeat. */
function copyMatch(out: Buffer, to: number, offset: number, length: number): void {
  if (offset >= length) {
    out.copyWithin(to, to - offset, to - offset + length);
    return;
  }
  for (let at = 0; at < length; at += 1) out[to + at] = out[to + at - offset] ?? 0;
}

function damaged(what: string): Error {
  return clickHouseError('CANNOT_DECOMPRESS', `Cannot decompress the lz4 request body: ${what}`);
}

/** Exact numbers of bytes from a stream of chunks. */
class ByteReader {
  readonly #source: AsyncIterator<Buffer>;
  #buffered: Buffer[] = [];
  #length = 0;

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  async has(length: number): Promise<boolean> {
    while (this.#length < length) {
      const next = await this.#source.next();
      if (next.done === true) return false;
      this.#buffered.push(next.value);
      this.#length += next.value.length;
    }
    return true;
  }

  async take(length: number): Promise<Buffer> {
    if (!(await this.has(length))) throw damaged('it ends in the middle of a frame');
    const all = this.#buffered.length === 1 ? this.#buffered[0] : Buffer.concat(this.#buffered);
    const whole = all ?? Buffer.alloc(0);
    this.#buffered = whole.length > length ? [whole.subarray(length)] : [];
    this.#length = whole.length - length;
    return whole.subarray(0, length);
  }

  async skip(length: number): Promise<void> {
    for (let left = length; left > 0;) {
      const step = Math.min(left, WINDOW_BYTES);
      await this.take(step);
      left -= step;
    }
  }
}

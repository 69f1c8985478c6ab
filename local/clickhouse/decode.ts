/**
 * Request bodies without their compression. In: a stream of bytes and its Content-Encoding. Out: the plain bytes,
 * chunk by chunk. Invariant: a body of several frames is decoded to its end. Node's own zstd and brotli decoders
 * stop after the first frame without an error (seen on 24.21), which would drop the later blocks of an insert.
 */
import {
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createZstdDecompress,
} from 'node:zlib';
import type { Transform } from 'node:stream';
import { clickHouseError } from './clickhouse-error.ts';
import { decodeLz4 } from './lz4-frame.ts';

type Decoder = Transform & { readonly bytesWritten: number };

const DECODERS = new Map<string, () => Decoder>([
  ['gzip', createGunzip],
  ['x-gzip', createGunzip],
  ['deflate', createInflate],
  ['br', createBrotliDecompress],
  ['zstd', createZstdDecompress],
]);

/** @throws ClickHouseError for an unknown encoding, and while reading for damaged bytes. */
export function decodeBody(
  source: AsyncIterable<Buffer>,
  encoding: string | undefined,
): AsyncIterable<Buffer> {
  const name = encoding?.trim().toLowerCase() ?? '';
  if (name === '' || name === 'identity') return source;
  if (name === 'lz4') return decodeLz4(source);
  const create = DECODERS.get(name);
  if (create !== undefined) return decodeFrames(source, create, name);
  throw clickHouseError(
    'UNKNOWN_COMPRESSION_METHOD',
    `Unknown compression method "${name}" of the request body`,
  );
}

async function* decodeFrames(
  source: AsyncIterable<Buffer>,
  create: () => Decoder,
  name: string,
): AsyncGenerator<Buffer> {
  let frame: Frame | undefined;
  try {
    for await (const chunk of source) {
      for (let rest = chunk; rest.length > 0;) {
        frame ??= openFrame(create());
        yield* frame.feed(rest);
        const unread = frame.unread();
        if (unread === 0) break;
        yield* frame.end();
        frame = undefined;
        rest = rest.subarray(rest.length - unread);
      }
    }
    if (frame !== undefined) yield* frame.end();
  } catch (error) {
    if (!isZlibError(error)) throw error;
    throw clickHouseError(
      'CANNOT_DECOMPRESS',
      `Cannot decompress the ${name} request body: ${error.message}`,
    );
  } finally {
    frame?.destroy();
  }
}

interface Frame {
  /** Yields while the decoder works, so that its output is never gathered whole. */
  feed(chunk: Buffer): AsyncGenerator<Buffer>;
  /** Bytes of the last chunk that lie after the end of the frame. */
  unread(): number;
  end(): AsyncGenerator<Buffer>;
  destroy(): void;
}

function openFrame(decoder: Decoder): Frame {
  const output: AsyncIterator<Buffer> = decoder[Symbol.asyncIterator]();
  let next = output.next();
  let fed = 0;
  next.catch(ignoreUntilAwaited);
  const advance = (): void => {
    next = output.next();
    next.catch(ignoreUntilAwaited);
  };
  return {
    async *feed(chunk) {
      fed += chunk.length;
      const written = new Promise<'written'>((resolve, reject) => {
        decoder.write(chunk, (error) => {
          if (error == null) resolve('written');
          else reject(error);
        });
      });
      written.catch(ignoreUntilAwaited);
      for (;;) {
        const step = await Promise.race([next, written]);
        if (step === 'written' || step.done === true) break;
        yield step.value;
        advance();
      }
      await written;
    },
    unread: () => fed - decoder.bytesWritten,
    async *end() {
      decoder.end();
      for (let step = await next; step.done !== true; step = await next) {
        yield step.value;
        advance();
      }
    },
    destroy: () => {
      decoder.destroy();
    },
  };
}

/** The same rejection is seen by whoever awaits the promise; this only keeps it from counting as unhandled. */
function ignoreUntilAwaited(): void {}

/** Faults of the connection have a `syscall`; those of zlib, brotli and zstd only a number. */
function isZlibError(error: unknown): error is Error {
  return error instanceof Error && 'errno' in error && !('syscall' in error);
}

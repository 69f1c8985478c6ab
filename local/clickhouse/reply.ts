/**
 * One HTTP response. In: result bytes, then success or an error. Out: headers and body as ClickHouse sends them.
 * The first bytes are held back, so that an error before them still sets the status; with `wait_end_of_query` all
 * are. An error after that goes into the body between exception markers and the connection is broken off.
 * Invariant: a body that ends normally is a complete result.
 */
import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { pipeline, type Transform, type Writable } from 'node:stream';
import { pipeline as pipelineDone } from 'node:stream/promises';
import {
  constants,
  createBrotliCompress,
  createDeflate,
  createGzip,
  createZstdCompress,
  type Zlib,
} from 'node:zlib';
import { type ClickHouseError, httpStatus } from './clickhouse-error.ts';
import { header } from './request.ts';
import type { Spool, SpoolWriter } from './spool.ts';

export interface ReplyOptions {
  readonly response: ServerResponse;
  readonly format: string | undefined;
  readonly encoding: string | undefined;
  /** Hold the whole result until the query has ended. */
  readonly waitEnd: boolean;
  readonly heldBytesMax: number;
  readonly stalledReaderMs: number;
  readonly spool: Spool;
  readonly version: string;
}

export interface Summary {
  readonly readRows: number;
  readonly readBytes: number;
  readonly writtenRows: number;
  readonly writtenBytes: number;
  readonly seconds: number;
}

export interface Reply {
  write(chunk: Buffer): Promise<void>;
  finish(summary: Summary): Promise<void>;
  fail(error: ClickHouseError): Promise<void>;
  /** Frees what is held when nothing can be sent any more. */
  drop(): Promise<void>;
}

const CONTENT_TYPES: readonly (readonly [RegExp, string])[] = [
  [/^(TabSeparated|TSV)/i, 'text/tab-separated-values; charset=UTF-8'],
  [/^CSVWithNames/i, 'text/csv; charset=UTF-8; header=present'],
  [/^CSV/i, 'text/csv; charset=UTF-8; header=absent'],
  [/^JSON.*EachRow/i, 'application/x-ndjson; charset=UTF-8'],
  [/^JSON/i, 'application/json; charset=UTF-8'],
  [/^XML/i, 'application/xml; charset=UTF-8'],
  [
    /^(Native|RowBinary|Parquet|Arrow|ORC|Avro|MsgPack|Protobuf|CapnProto)/i,
    'application/octet-stream',
  ],
];

type Encoder = Transform & Zlib;

/** Codecs in the order of preference, fast levels: the client is on the same machine. */
const ENCODERS = new Map<string, () => Encoder>([
  ['zstd', () => createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: 1 } })],
  ['gzip', () => createGzip({ level: 3 })],
  ['br', () => createBrotliCompress({ params: { [constants.BROTLI_PARAM_QUALITY]: 3 } })],
  ['deflate', () => createDeflate({ level: 3 })],
]);

/** Node has no LZ4: a client that takes nothing else gets plain bytes, which HTTP allows. */
export function chooseEncoding(headers: IncomingHttpHeaders): string | undefined {
  const offered = new Set(
    (header(headers, 'accept-encoding') ?? '')
      .split(',')
      .filter((part) => !/;\s*q=0(\.0*)?\s*$/.test(part))
      .map((part) => part.split(';')[0]?.trim().toLowerCase()),
  );
  return [...ENCODERS.keys()].find((name) => offered.has(name));
}

export function createReply(options: ReplyOptions): Reply {
  return new HeldReply(options);
}

class HeldReply implements Reply {
  readonly #options: ReplyOptions;
  readonly #response: ServerResponse;
  readonly #tag = randomBytes(8).toString('hex');
  #held: Buffer[] = [];
  #heldBytes = 0;
  #spilled: SpoolWriter | undefined;
  /** Set once headers are out and bytes flow. */
  #target: Writable | undefined;
  #encoder: Encoder | undefined;

  constructor(options: ReplyOptions) {
    this.#options = options;
    this.#response = options.response;
    this.#response.setHeader('X-ClickHouse-Exception-Tag', this.#tag);
  }

  async write(chunk: Buffer): Promise<void> {
    if (this.#target !== undefined) return this.#send(this.#target, chunk);
    if (this.#spilled !== undefined) return this.#spilled.write(chunk);
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    if (this.#heldBytes <= this.#options.heldBytesMax) return;
    const release = this.#held;
    this.#held = [];
    if (this.#options.waitEnd) {
      this.#spilled = this.#options.spool.writer('disk');
      for (const one of release) await this.#spilled.write(one);
    } else {
      this.#target = this.#commit(EMPTY_SUMMARY);
      for (const one of release) await this.#send(this.#target, one);
    }
  }

  async finish(summary: Summary): Promise<void> {
    if (this.#target !== undefined) {
      this.#target.end();
      return;
    }
    const whole = this.#commit(summary);
    if (this.#spilled === undefined) {
      if (whole === this.#response) this.#response.setHeader('Content-Length', this.#heldBytes);
      whole.end(Buffer.concat(this.#held));
      return;
    }
    const file = await this.#spilled.finish();
    try {
      if (whole === this.#response) this.#response.setHeader('Content-Length', file.bytes);
      await pipelineDone(createReadStream(file.path), whole);
    } finally {
      await file.discard();
    }
  }

  async fail(error: ClickHouseError): Promise<void> {
    await this.drop();
    const body = `${error.message} (version ${this.#options.version})\n`;
    if (this.#target === undefined) {
      sendError(this.#response, error.code, body);
      return;
    }
    const end = `${Buffer.byteLength(body)} ${this.#tag}\r\n__exception__\r\n`;
    const marker = `\r\n__exception__\r\n${this.#tag}\r\n${body}${end}`;
    await breakOff(this.#response, this.#encoder, marker);
  }

  async drop(): Promise<void> {
    this.#held = [];
    await this.#spilled?.discard();
  }

  /** Backpressure: resolves when the next chunk may come. @throws when the client is gone or stands still. */
  async #send(target: Writable, chunk: Buffer): Promise<void> {
    if (target.destroyed) throw new Error('the response is closed');
    if (target.write(chunk)) return;
    await new Promise<void>((resolve) => {
      const go = (): void => {
        target.off('drain', go);
        target.off('close', go);
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => this.#response.destroy(), this.#options.stalledReaderMs);
      target.on('drain', go);
      target.on('close', go);
    });
  }

  #commit(summary: Summary): Writable {
    const { format, encoding } = this.#options;
    const response = this.#response;
    response.setHeader('X-ClickHouse-Summary', summaryText(summary));
    if (format !== undefined) response.setHeader('X-ClickHouse-Format', format);
    response.setHeader('Content-Type', contentType(format));
    const encoder = ENCODERS.get(encoding ?? '')?.();
    if (encoder === undefined || encoding === undefined) return response;
    response.setHeader('Content-Encoding', encoding);
    // A broken connection is seen by whoever watches the response; the encoder then has nobody to write to.
    pipeline(encoder, response, () => {});
    this.#encoder = encoder;
    return encoder;
  }
}

export function sendError(response: ServerResponse, code: number, body: string): void {
  response.statusCode = httpStatus(code);
  response.setHeader('X-ClickHouse-Exception-Code', String(code));
  response.setHeader('Content-Type', 'text/plain; charset=UTF-8');
  response.setHeader('Content-Length', Buffer.byteLength(body));
  response.end(body);
}

/** No final chunk: a client that knows no markers sees a broken transfer instead of a short result. */
async function breakOff(
  response: ServerResponse,
  encoder: Encoder | undefined,
  marker: string,
): Promise<void> {
  if (encoder === undefined) {
    await new Promise((resolve) => {
      response.write(marker, resolve);
    });
  } else {
    await new Promise((resolve) => {
      encoder.write(marker, resolve);
    });
    await new Promise<void>((resolve) => {
      encoder.flush(resolve);
    });
    await new Promise((resolve) => {
      response.write('', resolve);
    });
  }
  response.socket?.destroySoon();
}

const EMPTY_SUMMARY: Summary = {
  readRows: 0,
  readBytes: 0,
  writtenRows: 0,
  writtenBytes: 0,
  seconds: 0,
};

function summaryText(summary: Summary): string {
  return JSON.stringify({
    read_rows: String(summary.readRows),
    read_bytes: String(summary.readBytes),
    written_rows: String(summary.writtenRows),
    written_bytes: String(summary.writtenBytes),
    total_rows_to_read: '0',
    result_rows: String(summary.writtenRows || summary.readRows),
    result_bytes: String(summary.writtenBytes || summary.readBytes),
    elapsed_ns: String(Math.round(summary.seconds * 1e9)),
  });
}

function contentType(format: string | undefined): string {
  if (format === undefined) return 'text/plain; charset=UTF-8';
  return CONTENT_TYPES.find(([name]) => name.test(format))?.[1] ?? 'text/plain; charset=UTF-8';
}

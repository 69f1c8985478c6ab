/**
 * One HTTP request to an address that was checked, over `got`. In: a URL and the only addresses to
 * connect to. Out: status, headers and bytes, decompressed. It follows no redirect and asks no name
 * server; every byte and every second is bounded, on the wire and after decompression.
 */
import type { LookupAddress } from 'node:dns';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { LookupFunction } from 'node:net';
import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate } from 'node:zlib';
import got, { RequestError, type Response } from 'got';
import { AppError, errorText } from '#core/errors.ts';
import type { CheckedAddress } from './target.ts';

export interface PinnedRequest {
  /** Source id, for messages. */
  readonly source: string;
  readonly url: URL;
  readonly addresses: readonly CheckedAddress[];
  readonly accept: string;
  /** More headers. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Most bytes of the body, on the wire and decompressed. */
  readonly bytesMax: number;
  readonly signal: AbortSignal;
}

export interface PinnedAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly bytes: Buffer;
}

/** How we say who asks; robots.txt is read under the same name. */
export const USER_AGENT = 'wickstream';
const CONNECT_MS = 5_000;
const WHOLE_MS = 30_000;

/**
 * @throws AppError WICK_ETL_VENUE_HTTP where nothing whole arrived in time, WICK_ETL_SOURCE_FORBIDDEN
 * where there was more than `bytesMax`.
 */
export async function requestPinned(request: PinnedRequest): Promise<PinnedAnswer> {
  const { source, url, signal } = request;
  // A connection of its own, so that none is used whose address was checked for somebody else.
  const agent = { http: new HttpAgent(), https: new HttpsAgent() };
  try {
    return await receive(request, agent);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof RequestError)) throw error;
    throw new AppError(
      'WICK_ETL_VENUE_HTTP',
      `${source} did not answer GET ${url.href}: ${errorText(error)}`,
      { retryable: true, cause: error, details: { url: url.href, reason: error.code } },
    );
  } finally {
    agent.http.destroy();
    agent.https.destroy();
  }
}

async function receive(
  request: PinnedRequest,
  agent: { readonly http: HttpAgent; readonly https: HttpsAgent },
): Promise<PinnedAnswer> {
  const { url, addresses, accept, bytesMax, signal } = request;
  const stream = got.stream(url, {
    agent,
    dnsLookup: pinnedLookup(addresses),
    headers: {
      ...request.headers,
      accept,
      'accept-encoding': 'gzip, deflate, br',
      'user-agent': USER_AGENT,
    },
    decompress: false,
    followRedirect: false,
    throwHttpErrors: false,
    retry: { limit: 0 },
    timeout: { connect: CONNECT_MS, secureConnect: CONNECT_MS, request: WHOLE_MS },
    signal,
  });
  let response: Response | undefined;
  stream.once('response', (arrived: Response) => {
    response = arrived;
  });
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop destroys the stream and with it the connection.
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > bytesMax) throw tooLarge(request, 'sends');
    chunks.push(chunk);
  }
  if (response === undefined) throw new Error(`an answer of "${url.href}" without a head`);
  const { statusCode: status, headers } = response;
  const encoding = headers['content-encoding'];
  return { status, headers, bytes: await decompress(request, encoding, Buffer.concat(chunks)) };
}

const DECOMPRESS = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
} as const;

async function decompress(
  request: PinnedRequest,
  encoding: string | undefined,
  bytes: Buffer,
): Promise<Buffer> {
  const name = (encoding ?? 'identity').trim().toLowerCase();
  if (name === 'identity' || name === '' || bytes.length === 0) return bytes;
  const { source, url, bytesMax } = request;
  if (!(name in DECOMPRESS)) throw garbled(source, url, `its encoding "${name}" is not known`);
  try {
    return await DECOMPRESS[name as keyof typeof DECOMPRESS](bytes, { maxOutputLength: bytesMax });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null;
    if (code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(request, 'unpacks to');
    throw garbled(source, url, `it cannot be decompressed (${errorText(error)})`);
  }
}

/** Knows these addresses, whatever the name. */
function pinnedLookup(addresses: readonly CheckedAddress[]): LookupFunction {
  return (hostname, options, callback) => {
    const wanted =
      options.family === 4 || options.family === 'IPv4'
        ? 4
        : options.family === 6 || options.family === 'IPv6'
          ? 6
          : 0;
    const usable: LookupAddress[] = addresses
      .filter(({ family }) => wanted === 0 || family === wanted)
      .map(({ address, family }) => ({ address, family }));
    const [first] = usable;
    if (first === undefined) {
      const error = new Error(`"${hostname}" has no checked address of family ${wanted}`);
      callback(Object.assign(error, { code: 'ENOTFOUND' }), '', 0);
    } else if (options.all === true) callback(null, usable);
    else callback(null, first.address, first.family);
  };
}

function tooLarge({ source, url, bytesMax }: PinnedRequest, verb: string): AppError {
  return new AppError(
    'WICK_ETL_SOURCE_FORBIDDEN',
    `${source}: ${url.href} ${verb} more than ${bytesMax} bytes; ask for a smaller document`,
    { details: { source, url: url.href, bytesMax } },
  );
}

function garbled(source: string, url: URL, what: string): AppError {
  return new AppError('WICK_ETL_VENUE_PAYLOAD', `${source}: the answer of ${url.href}: ${what}`, {
    retryable: true,
    details: { source, url: url.href },
  });
}

/**
 * What a request says and carries. In: the query of the URL and a stream of body bytes. Out: the statement's text,
 * and for an INSERT with data a spooled file. Body and URL are one text with a line break between them, as in
 * ClickHouse. Invariant: data are handed on only after the last byte has come, so a cut upload inserts nothing.
 */
import { clickHouseError } from './clickhouse-error.ts';
import { findInsertData, type InsertHead } from './insert-head.ts';
import type { FrontLimits } from './limits.ts';
import type { Spool, SpooledFile, SpoolWriter } from './spool.ts';

export type QueryBody =
  | { readonly kind: 'text'; readonly sql: string }
  | { readonly kind: 'data'; readonly head: InsertHead; readonly file: SpooledFile };

/** Longest head of an INSERT: table, columns and settings. */
const INSERT_HEAD_BYTES = 1024 * 1024;

/** `sql` is latin1 text: one character is one byte. */
export async function readBody(
  urlQuery: Buffer,
  source: AsyncIterable<Buffer>,
  spool: Spool,
  limits: FrontLimits,
): Promise<QueryBody> {
  const body = limitBytes(source, limits.bodyBytesMax);
  try {
    return await readParts(urlQuery, body, spool, limits);
  } finally {
    // After an error this lets go of the stream, so that its rest can be discarded.
    await body.return(undefined);
  }
}

async function readParts(
  urlQuery: Buffer,
  body: AsyncIterator<Buffer>,
  spool: Spool,
  limits: FrontLimits,
): Promise<QueryBody> {
  let text = urlQuery.length === 0 ? '' : `${urlQuery.toString('latin1')}\n`;
  let triedChars = -1;
  let waiting = true;
  for (;;) {
    // A head that is cut is looked at again only when there is twice as much of it.
    if (waiting && text.length > triedChars * 2) {
      triedChars = text.length;
      const head = findInsertData(text, false);
      if (head.state === 'data') return spoolData(text, head, body, spool);
      waiting = head.state === 'more';
    }
    const next = await body.next();
    if (next.done === true) break;
    text += next.value.toString('latin1');
    checkLength(text, limits, waiting && triedChars > INSERT_HEAD_BYTES);
  }
  const head = findInsertData(text, true);
  if (head.state === 'data') return spoolData(text, head, body, spool);
  return { kind: 'text', sql: text };
}

async function spoolData(
  text: string,
  head: InsertHead,
  body: AsyncIterator<Buffer>,
  spool: Spool,
): Promise<QueryBody> {
  const writer: SpoolWriter = spool.writer('memory');
  try {
    await writer.write(Buffer.from(text.slice(head.dataAt), 'latin1'));
    for (let next = await body.next(); next.done !== true; next = await body.next()) {
      await writer.write(next.value);
    }
    return { kind: 'data', head, file: await writer.finish() };
  } catch (error) {
    await writer.discard();
    throw error;
  }
}

function checkLength(text: string, limits: FrontLimits, headTooLong: boolean): void {
  if (text.length <= limits.sqlBytesMax && !headTooLong) return;
  throw clickHouseError(
    'SYNTAX_ERROR',
    `Max query size exceeded: the SQL text is longer than ${headTooLong ? INSERT_HEAD_BYTES : limits.sqlBytesMax} bytes`,
  );
}

/** @throws ClickHouseError once more bytes have come than are allowed. */
export async function* limitBytes(
  source: AsyncIterable<Buffer>,
  bytesMax: number,
): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    if (bytes > bytesMax) {
      throw clickHouseError(
        'QUERY_IS_TOO_LARGE',
        `The body of the request is larger than ${bytesMax} bytes. Send it in parts`,
      );
    }
    yield chunk;
  }
}

export async function readAll(source: AsyncIterable<Buffer>, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of limitBytes(source, bytesMax)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/**
 * COPYs a batch into a temporary table of the session. In: rows, inside a transaction. Out: the
 * name of the table that holds them and nothing else. The table is made once per connection and
 * empties itself at commit, so staging writes no WAL (making it anew would log its catalogue rows).
 */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { from as copyFrom } from 'pg-copy-streams';
import type { PoolClient } from '#platform/postgres.ts';
import { CANDLE_COLUMNS, copyLine, type LoadRow } from './candle-columns.ts';

export const CANDLE_STAGE = 'pg_temp.candle_stage';

const CHUNK_CHARS = 64 * 1024;

const CREATE = `
  create temporary table if not exists candle_stage
    (${CANDLE_COLUMNS.map(({ name, type }) => `${name} ${type}`).join(', ')})
  on commit delete rows`;
const COPY = `
  copy ${CANDLE_STAGE} (${CANDLE_COLUMNS.map(({ name }) => name).join(', ')}) from stdin`;

/** Replaces the stage's content by `rows`. */
export async function stageCandles(client: PoolClient, rows: readonly LoadRow[]): Promise<void> {
  await client.query(CREATE);
  // Empty already, unless this transaction has staged before.
  await client.query(`delete from ${CANDLE_STAGE}`);
  await pipeline(Readable.from(copyChunks(rows)), client.query(copyFrom(COPY)));
}

/** Chunks large enough that the stream's cost per chunk does not count. */
export function* copyChunks(rows: readonly LoadRow[], end = '\n'): Generator<Buffer> {
  let chunk = '';
  for (const row of rows) {
    chunk += copyLine(row, end);
    if (chunk.length >= CHUNK_CHARS) {
      yield Buffer.from(chunk);
      chunk = '';
    }
  }
  if (chunk !== '') yield Buffer.from(chunk);
}

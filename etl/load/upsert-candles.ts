/**
 * Writes a batch of candles into market.candles, inside the caller's transaction, and before them the
 * anchors of series that have none. In: rows in the
 * order they were seen, months already made. Out: how many were new, revised, closed, unchanged. The
 * rule of what is written is in told-candles; nothing new means nothing written, not a byte
 * of WAL. No savepoint is used: with logical decoding on, one alone would log 48 bytes.
 */
import type { Candle } from '#core/candle.ts';
import {
  DatabaseError,
  type PoolClient,
  type QueryResult,
  type QueryResultRow,
} from '#platform/postgres.ts';
import { areMostlyStored } from './are-mostly-stored.ts';
import { arraysSql, columnArrays, openTimeBounds, type LoadRow } from './candle-columns.ts';
import { copyFreshCandles } from './copy-fresh-candles.ts';
import { insertAbsentCandlesSql, type InsertCounts } from './insert-absent-candles.ts';
import { latestPerKey } from './latest-per-key.ts';
import { mergeCandlesSql, type MergeCounts } from './merge-candles.ts';
import { setAnchors } from './set-anchors.ts';
import { CANDLE_STAGE, stageCandles } from './stage-candles.ts';

/** Rows by outcome; they add up to the batch. */
export interface UpsertCounts {
  readonly inserted: number;
  /** Changes of closed candles. */
  readonly revised: number;
  /** Open candles that are closed now. */
  readonly closed: number;
  /** Open candles that changed and are still open. */
  readonly updatedOpen: number;
  /** Told nothing new, or were followed by another row of the same key in the batch. */
  readonly unchanged: number;
}

/** From here on COPY into a stage beats arrays, unless most of the rows are stored already. */
export const COPY_ROWS_MIN = 5_000;

const NOTHING: UpsertCounts = {
  inserted: 0,
  revised: 0,
  closed: 0,
  updatedOpen: 0,
  unchanged: 0,
};

const UNIQUE_VIOLATION = '23505';
/** What a single bad row can cause; anything else is about the whole batch. */
const ROW_ERROR_CODES: readonly string[] = [
  '22003', // numeric_value_out_of_range
  '22007', // invalid_datetime_format
  '22008', // datetime_field_overflow
  '22021', // character_not_in_repertoire: a NUL in a text
  '22P02', // invalid_text_representation
  '22P04', // bad_copy_file_format
  '23502', // not_null_violation
  '23514', // check_violation
];

const INSERT_STAGE = insertAbsentCandlesSql(CANDLE_STAGE);
const MERGE_STAGE = mergeCandlesSql(CANDLE_STAGE);
const MERGE_ARRAYS = mergeCandlesSql(arraysSql(4));

export interface UpsertOptions {
  /** Null for rows that no run is recorded for, such as candles that are still open. */
  readonly ingestRunId: bigint | null;
  /** True once another writer was met at a key of the batch: slower, but never fails on that. */
  readonly contended?: boolean;
}

/**
 * @throws the database's error, after which the transaction must be rolled back; `isRowError` and
 * `isContention` tell the ones apart that another call can get past.
 */
export async function upsertCandles(
  client: PoolClient,
  rows: readonly LoadRow[],
  options: UpsertOptions,
): Promise<UpsertCounts> {
  const batch = latestPerKey(rows);
  if (batch.length === 0) return NOTHING;
  await setAnchors(client, candlesOf(batch));
  const counts =
    batch.length >= COPY_ROWS_MIN && !(await areMostlyStored(client, batch))
      ? await copyAndMerge(client, batch, options)
      : await mergeArrays(client, batch, options);
  const { inserted, revised, closed, updated_open: updatedOpen } = counts;
  const unchanged = rows.length - inserted - revised - closed - updatedOpen;
  return { inserted, revised, closed, updatedOpen, unchanged };
}

function* candlesOf(rows: readonly LoadRow[]): Generator<Candle> {
  for (const { candle } of rows) yield candle;
}

/** True when another writer inserted a key of an uncontended batch first. */
export function isContention(error: unknown): boolean {
  return error instanceof DatabaseError && error.code === UNIQUE_VIOLATION;
}

/** True when one row of a batch, and not the batch, was refused. */
export function isRowError(error: unknown): error is DatabaseError {
  if (!(error instanceof DatabaseError)) return false;
  const code = error.code ?? '';
  // A missing month is reported as a check violation too, but without a constraint.
  if (code === '23514' && error.constraint === undefined) return false;
  return ROW_ERROR_CODES.includes(code);
}

async function mergeArrays(
  client: PoolClient,
  rows: readonly LoadRow[],
  { ingestRunId }: UpsertOptions,
): Promise<MergeCounts> {
  const parameters = [...openTimeBounds(rows), ingestRunId, ...columnArrays(rows)];
  return only(await client.query<MergeCounts>(MERGE_ARRAYS, parameters));
}

/** Large batches are mostly new: those rows go the cheap way, and the merge runs only for others. */
async function copyAndMerge(
  client: PoolClient,
  rows: readonly LoadRow[],
  { ingestRunId, contended = false }: UpsertOptions,
): Promise<MergeCounts> {
  if (!contended && (await copyFreshCandles(client, rows, ingestRunId))) {
    return { inserted: rows.length, revised: 0, closed: 0, updated_open: 0 };
  }
  await stageCandles(client, rows);
  const parameters = [...openTimeBounds(rows), ingestRunId];
  let inserted = 0;
  if (!contended) {
    const counts = only(await client.query<InsertCounts>(INSERT_STAGE, parameters));
    inserted = counts.inserted;
    if (counts.left_over === 0) return { inserted, revised: 0, closed: 0, updated_open: 0 };
  }
  const merged = only(await client.query<MergeCounts>(MERGE_STAGE, parameters));
  return { ...merged, inserted: inserted + merged.inserted };
}

function only<Row extends QueryResultRow>(result: QueryResult<Row>): Row {
  const [row] = result.rows;
  if (row === undefined) throw new Error('a statement that counts returned no counts');
  return row;
}

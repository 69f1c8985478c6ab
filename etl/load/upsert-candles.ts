/**
 * Writes a batch of candles into market.candles, inside the caller's transaction. In: rows in the
 * order they were seen, months already made. Out: how many were new, revised, closed, unchanged, and
 * which ones the database refused. A refused row never takes its neighbours with it. The rule of
 * what is written is the merge statement's; nothing new means nothing written, not a byte of WAL.
 */
import pg from 'pg';
import { AppError, errorText } from '#core/errors.ts';
import type { PoolClient } from '#platform/postgres.ts';
import { CANDLE_COLUMNS, columnArrays, type LoadRow } from './candle-columns.ts';
import { latestPerKey } from './latest-per-key.ts';
import { mergeCandlesSql, type MergeCounts } from './merge-candles.ts';
import { CANDLE_STAGE, stageCandles } from './stage-candles.ts';

/** Rows by outcome; with the refused ones they add up to the batch. */
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

/** A row that a constraint or a type of the table refused. */
export interface RefusedRow {
  readonly row: LoadRow;
  /** The database's own words, with the constraint's name. */
  readonly detail: string;
}

export interface UpsertResult {
  readonly counts: UpsertCounts;
  readonly refused: readonly RefusedRow[];
}

/** From here on COPY into a stage beats arrays (84k against 77k new rows/s, 20k rows a batch). */
export const COPY_ROWS_MIN = 5_000;
/** Refused rows are searched for by halving, about 15 statements each; more of them than this in
 * one batch means that validation is not doing its work. */
export const REFUSED_ROWS_MAX = 1_000;

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

const MERGE_STAGE = mergeCandlesSql(CANDLE_STAGE);
const MERGE_ARRAYS = mergeCandlesSql(
  `(select * from unnest(${CANDLE_COLUMNS.map(({ type }, index) => `$${index + 4}::${type}[]`).join(', ')})
    as u (${CANDLE_COLUMNS.map(({ name }) => name).join(', ')}))`,
);

/**
 * @param client in a transaction; savepoints are used inside it.
 * @throws AppError WICK_ETL_LOAD_FAILED when more rows are refused than REFUSED_ROWS_MAX.
 * Other database errors pass through and leave the transaction to be rolled back.
 */
export async function upsertCandles(
  client: PoolClient,
  rows: readonly LoadRow[],
  ingestRunId: bigint,
): Promise<UpsertResult> {
  const batch = latestPerKey(rows);
  const counts = { inserted: 0, revised: 0, closed: 0, updatedOpen: 0 };
  const refused: RefusedRow[] = [];
  // Depth first, so that parts are written in order.
  const parts = batch.length === 0 ? [] : [batch];
  for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
    const outcome = await tryMerge(client, part, ingestRunId);
    if (outcome.ok) {
      counts.inserted += outcome.counts.inserted;
      counts.revised += outcome.counts.revised;
      counts.closed += outcome.counts.closed;
      counts.updatedOpen += outcome.counts.updated_open;
    } else if (part.length > 1) {
      const middle = Math.ceil(part.length / 2);
      parts.push(part.slice(middle), part.slice(0, middle));
    } else {
      for (const row of part) refused.push({ row, detail: outcome.detail });
      assertFewRefused(refused);
    }
  }
  const written = counts.inserted + counts.revised + counts.closed + counts.updatedOpen;
  const unchanged = rows.length - refused.length - written;
  return { counts: { ...counts, unchanged }, refused };
}

type MergeOutcome =
  | { readonly ok: true; readonly counts: MergeCounts }
  | { readonly ok: false; readonly detail: string };

async function tryMerge(
  client: PoolClient,
  rows: readonly LoadRow[],
  ingestRunId: bigint,
): Promise<MergeOutcome> {
  await client.query('savepoint merge');
  try {
    const counts = await merge(client, rows, ingestRunId);
    await client.query('release savepoint merge');
    return { ok: true, counts };
  } catch (error) {
    if (!(error instanceof pg.DatabaseError) || !isRowError(error)) throw error;
    await client.query('rollback to savepoint merge');
    await client.query('release savepoint merge');
    return { ok: false, detail: errorText(error) };
  }
}

async function merge(
  client: PoolClient,
  rows: readonly LoadRow[],
  ingestRunId: bigint,
): Promise<MergeCounts> {
  const bounds = openTimeBounds(rows);
  let result: pg.QueryResult<MergeCounts>;
  if (rows.length >= COPY_ROWS_MIN) {
    await stageCandles(client, rows);
    result = await client.query<MergeCounts>(MERGE_STAGE, [...bounds, ingestRunId]);
  } else {
    const parameters = [...bounds, ingestRunId, ...columnArrays(rows)];
    result = await client.query<MergeCounts>(MERGE_ARRAYS, parameters);
  }
  const [counts] = result.rows;
  if (counts === undefined) throw new Error('the merge statement returned no counts');
  return counts;
}

function openTimeBounds(rows: readonly LoadRow[]): [string, string] {
  let first = Infinity;
  let last = -Infinity;
  for (const { candle } of rows) {
    first = Math.min(first, candle.openTime);
    last = Math.max(last, candle.openTime);
  }
  return [new Date(first).toISOString(), new Date(last).toISOString()];
}

/** A missing month is reported as a check violation too, but without a constraint. */
function isRowError(error: pg.DatabaseError): boolean {
  const code = error.code ?? '';
  if (code === '23514' && error.constraint === undefined) return false;
  return ROW_ERROR_CODES.includes(code);
}

function assertFewRefused(refused: readonly RefusedRow[]): void {
  if (refused.length <= REFUSED_ROWS_MAX) return;
  throw new AppError(
    'WICK_ETL_LOAD_FAILED',
    `Postgres refused more than ${REFUSED_ROWS_MAX} rows of one batch, the last with "${refused.at(-1)?.detail}"; nothing of the batch was written`,
  );
}

/**
 * Writes a batch of which the database has refused a row. In: the batch, in a new transaction. Out:
 * the counts of what could be written, and each refused row with the database's words. The bad rows
 * are found by halving under savepoints, so none takes its neighbours with it.
 */
import { AppError, errorText } from '#core/errors.ts';
import type { PoolClient } from '#platform/postgres.ts';
import type { LoadRow } from './candle-columns.ts';
import { latestPerKey } from './latest-per-key.ts';
import {
  isRowError,
  upsertCandles,
  type UpsertCounts,
  type UpsertOptions,
} from './upsert-candles.ts';

/** A row that a constraint or a type of the table refused. */
export interface RefusedRow {
  readonly row: LoadRow;
  /** The database's own words, with the constraint's name. */
  readonly detail: string;
}

export interface PartsResult {
  /** With the refused rows they add up to the batch. */
  readonly counts: UpsertCounts;
  readonly refused: readonly RefusedRow[];
}

/** A refused row costs about 15 statements; more of them than this in one batch means that
 * validation is not doing its work. */
export const REFUSED_ROWS_MAX = 1_000;

/** @throws AppError WICK_ETL_LOAD_FAILED when more rows are refused than REFUSED_ROWS_MAX. */
export async function upsertCandlesByParts(
  client: PoolClient,
  rows: readonly LoadRow[],
  options: UpsertOptions,
): Promise<PartsResult> {
  // Folded before it is cut: the rows of one key must not come to lie in two parts.
  const batch = latestPerKey(rows);
  let counts = { inserted: 0, revised: 0, closed: 0, updatedOpen: 0 };
  const refused: RefusedRow[] = [];
  const parts = [batch];
  for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
    const outcome = await tryPart(client, part, options);
    if (outcome.ok) {
      counts = {
        inserted: counts.inserted + outcome.counts.inserted,
        revised: counts.revised + outcome.counts.revised,
        closed: counts.closed + outcome.counts.closed,
        updatedOpen: counts.updatedOpen + outcome.counts.updatedOpen,
      };
    } else if (part.length > 1) {
      const middle = Math.ceil(part.length / 2);
      parts.push(part.slice(middle), part.slice(0, middle));
    } else {
      for (const row of part) refused.push({ row, detail: outcome.detail });
      assertFewRefused(refused);
    }
  }
  const written = counts.inserted + counts.revised + counts.closed + counts.updatedOpen;
  return { counts: { ...counts, unchanged: rows.length - refused.length - written }, refused };
}

type PartOutcome =
  | { readonly ok: true; readonly counts: UpsertCounts }
  | { readonly ok: false; readonly detail: string };

async function tryPart(
  client: PoolClient,
  part: readonly LoadRow[],
  options: UpsertOptions,
): Promise<PartOutcome> {
  await client.query('savepoint part');
  try {
    const counts = await upsertCandles(client, part, options);
    await client.query('release savepoint part');
    return { ok: true, counts };
  } catch (error) {
    if (!isRowError(error)) throw error;
    await client.query('rollback to savepoint part');
    await client.query('release savepoint part');
    return { ok: false, detail: errorText(error) };
  }
}

function assertFewRefused(refused: readonly RefusedRow[]): void {
  if (refused.length <= REFUSED_ROWS_MAX) return;
  throw new AppError(
    'WICK_ETL_LOAD_FAILED',
    `Postgres refused more than ${REFUSED_ROWS_MAX} rows of one batch, the last with "${refused.at(-1)?.detail}"; nothing of the batch was written`,
  );
}

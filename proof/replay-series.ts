/**
 * Computes the features and signals of one series again, from its anchor on and with the analyzer's own
 * code, and holds them against the rows that ClickHouse has. In: the candles that were known at a place, a
 * range. Out: each row that differs, is missing or should not be, and those that were written again since
 * that place, about which it says nothing. Memory holds a page of candles and its rows.
 */
import type { Series } from '#core/candle.ts';
import { epochMs, type EpochMs } from '#core/time.ts';
import type { ClickHouseClient } from '#platform/clickhouse.ts';
import { Evaluator, unanchored, type CandleEvaluation } from '../analyzer/evaluation.ts';
import { barOf } from '../analyzer/features/bar.ts';
import { isAcrossHole, type Holes } from '../analyzer/holes.ts';
import type { CompiledRuleSet } from '../analyzer/signals/rule-set.ts';
import type { Producer } from '../analyzer/sink/tables.ts';
import {
  cellsOf,
  differingCells,
  EVALUATION_TABLES,
  type CellDifference,
  type EvaluationTable,
} from './evaluation-cells.ts';
import { OPEN_MAX, OPEN_MIN, type KnownCandle, type KnownCandles } from './known-candles.ts';
import { readExtra, readMovedTimes, readStored, type StoredRange } from './stored-evaluations.ts';

/** What is found about one row of one table. */
export interface ReplayedRow {
  readonly series: Series;
  readonly openTime: EpochMs;
  readonly table: EvaluationTable;
  /** extra: there is no such candle. moved: it was written again behind the place. */
  readonly kind: 'differs' | 'missing' | 'extra' | 'moved';
  /** Of kind differs, and of kind moved where it now says something else. */
  readonly columns: readonly CellDifference[];
  /** What the row should say; null where there should be none. */
  readonly evaluation: CandleEvaluation | null;
}

export interface SeriesRequest {
  readonly candles: KnownCandles;
  readonly clickhouse: ClickHouseClient;
  readonly rules: CompiledRuleSet;
  readonly producer: Producer;
  readonly series: Series;
  readonly anchor: number;
  readonly holes: Holes;
  /** Open times that are compared, half-open; infinite where there is no bound. */
  readonly from: number;
  readonly to: number;
  /** The place. */
  readonly lsn: bigint;
  /** Rows behind the last candle that are told, at most. */
  readonly extraMax: number;
  readonly found: (row: ReplayedRow) => void;
  /** Told after each page how many candles were folded so far. */
  readonly progress: (folded: number) => void;
}

export interface SeriesReplayed {
  /** Open time of the candle that folding began with; null where none counts. */
  readonly begin: EpochMs | null;
  readonly folded: number;
  /** Candles in the range, whose rows were compared. */
  readonly compared: number;
}

/** A candle of the page at hand that is compared. */
interface Computed {
  readonly openTime: EpochMs;
  readonly evaluation: CandleEvaluation;
}

export async function replaySeries(request: SeriesRequest): Promise<SeriesReplayed> {
  const { candles, rules, series, anchor, from, to } = request;
  const evaluator = new Evaluator(rules);
  let begin: EpochMs | null = null;
  let folded = 0;
  let compared = 0;
  /** Rows before here are compared, or older than what is known. */
  let seen: number | null = null;
  for await (const page of candles.pages(series, Math.min(anchor, from), to)) {
    seen ??= Math.max(page[0]!.openTime, from);
    const computed: Computed[] = [];
    for (const candle of page) {
      const counts = candle.openTime >= anchor;
      if (counts) begin ??= candle.openTime;
      if (counts) folded += 1;
      const evaluation = counts ? add(request, evaluator, candle) : unanchored(rules);
      if (candle.openTime < from) continue;
      // A vector is valid until the next candle only.
      computed.push({
        openTime: candle.openTime,
        evaluation: counts ? { ...evaluation, vector: evaluation.vector.slice() } : evaluation,
      });
    }
    const end = page.at(-1)!.openTime + 1;
    if (end > from) {
      await comparePage(request, computed, Math.max(seen, from), end);
      seen = end;
      compared += computed.length;
    }
    request.progress(folded);
  }
  if (seen !== null && seen < to) await compareTail(request, Math.max(seen, from));
  return { begin, folded, compared };
}

function add(
  { holes, series }: SeriesRequest,
  evaluator: Evaluator,
  { openTime, values }: KnownCandle,
): CandleEvaluation {
  const isAcross = isAcrossHole(holes, series.interval, evaluator.openTime, openTime);
  return evaluator.add(barOf({ ...values, openTime }), isAcross);
}

async function comparePage(
  request: SeriesRequest,
  computed: readonly Computed[],
  from: number,
  to: number,
): Promise<void> {
  const range = rangeOf(request, from, to);
  const [features, signals] = await Promise.all(
    EVALUATION_TABLES.map((table) => readStored(table, range)),
  );
  const stored = { features: new Map(features), signals: new Map(signals) };
  const missing: ReplayedRow[] = [];
  const { series, producer, rules } = request;
  for (const { openTime, evaluation } of computed) {
    const texts = cellsOf(evaluation, producer);
    for (const table of EVALUATION_TABLES) {
      const row = stored[table].get(openTime);
      stored[table].delete(openTime);
      const told = { series, openTime, table, evaluation };
      if (row === undefined) {
        missing.push({ ...told, kind: 'missing', columns: [] });
      } else if (row.isAbove || row.text !== texts[table]) {
        const { names } = rules.features;
        const columns = differingCells(table, texts[table], row.text, names);
        request.found({ ...told, kind: row.isAbove ? 'moved' : 'differs', columns });
      }
    }
  }
  await tellMissing(request, range, missing);
  for (const table of EVALUATION_TABLES) {
    for (const { openTime, isAbove } of stored[table].values()) {
      tellExtra(request, table, openTime, isAbove);
    }
  }
}

/** A row may be gone because its candle was deleted behind the place. */
async function tellMissing(
  { found }: SeriesRequest,
  range: StoredRange,
  missing: readonly ReplayedRow[],
): Promise<void> {
  for (const table of EVALUATION_TABLES) {
    const rows = missing.filter((row) => row.table === table);
    if (rows.length === 0) continue;
    const moved = await readMovedTimes(table, range);
    for (const row of rows) found(moved.has(row.openTime) ? { ...row, kind: 'moved' } : row);
  }
}

/** What lies behind the last candle; what came after the place may be there, and is not asked for. */
async function compareTail(request: SeriesRequest, from: number): Promise<void> {
  const range = rangeOf(request, from, request.to);
  for (const table of EVALUATION_TABLES) {
    for (const { openTime } of await readExtra(table, range, request.extraMax)) {
      tellExtra(request, table, openTime, false);
    }
  }
}

function tellExtra(
  { series, found }: SeriesRequest,
  table: EvaluationTable,
  openTime: number,
  isAbove: boolean,
): void {
  const kind = isAbove ? 'moved' : 'extra';
  found({ series, openTime: epochMs(openTime), table, kind, columns: [], evaluation: null });
}

function rangeOf(
  { clickhouse, producer, series, lsn }: SeriesRequest,
  from: number,
  to: number,
): StoredRange {
  const bounds = { from: Math.max(from, OPEN_MIN), to: Math.min(to, OPEN_MAX) };
  return { clickhouse, producer, series, lsn, ...bounds };
}

/**
 * Features and signals of a whole market, twice: folded from scratch over the candles in Postgres, and
 * as they stand in ClickHouse. One text per row, floats by their bits, so that equal texts mean equal
 * rows to the last bit.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MARKET_TYPES, seriesKey, type Series } from '#core/candle.ts';
import { parseDecimal, type DecimalString } from '#core/decimal.ts';
import type { GapCause } from '#core/gap.ts';
import { parseInterval } from '#core/interval.ts';
import type { EpochMs } from '#core/time.ts';
import { readRows, type ClickHouseClient } from '#platform/clickhouse.ts';
import type { Pool } from '#platform/postgres.ts';
import { Evaluator, unanchored, type CandleEvaluation } from '../../analyzer/evaluation.ts';
import { barOf } from '../../analyzer/features/bar.ts';
import { compileFeatureSet } from '../../analyzer/features/feature-set.ts';
import { CORE_V1 } from '../../analyzer/features/sets/core-v1.ts';
import { holesOf, isAcrossHole, NO_HOLES, type Holes } from '../../analyzer/holes.ts';
import { compileRuleSet, parseRuleSet } from '../../analyzer/signals/rule-set.ts';

const RULE_FILE = join(import.meta.dirname, '..', '..', 'rules', 'core-trend.json');

/** The rules that the analyzer process runs. */
export const PRODUCTION_RULES = compileRuleSet(
  parseRuleSet(readFileSync(RULE_FILE, 'utf8'), RULE_FILE),
  compileFeatureSet(CORE_V1),
  RULE_FILE,
);

interface StoredSeries {
  readonly exchange: string;
  readonly market_type: string;
  readonly symbol: string;
  readonly interval: string;
}

interface StoredCandle extends StoredSeries {
  readonly open_time: EpochMs;
  /** False for one before its series' anchor. */
  readonly counts: boolean;
  readonly open: string;
  readonly high: string;
  readonly low: string;
  readonly close: string;
  readonly volume: string | null;
  readonly quote_volume: string | null;
  readonly trades: string | null;
  readonly taker_buy_base: string | null;
  readonly taker_buy_quote: string | null;
}

/** What the closed candles of Postgres must come to, sorted. */
export async function expectedEvaluations(pool: Pool): Promise<string[]> {
  const found = await pool.query<StoredCandle>(
    `select c.*, coalesce(c.open_time >= a.anchor, true) as counts
     from market.candles as c
     left join market.anchors as a using (exchange, market_type, symbol, interval)
     where c.is_closed
     order by exchange, market_type, symbol, interval, open_time`,
  );
  const holes = await holesBySeries(pool);
  const evaluators = new Map<string, Evaluator>();
  return found.rows
    .map((row) => {
      const key = seriesKey(seriesOf(row));
      const evaluator = evaluators.get(key) ?? new Evaluator(PRODUCTION_RULES);
      evaluators.set(key, evaluator);
      const across = isAcrossHole(
        holes.get(key) ?? NO_HOLES,
        parseInterval(row.interval),
        evaluator.openTime,
        row.open_time,
      );
      const evaluation = row.counts
        ? evaluator.add(barOf(valuesOf(row)), across)
        : unanchored(PRODUCTION_RULES);
      return evaluationText(key, row.open_time, evaluation);
    })
    .sort();
}

interface StoredGap extends StoredSeries {
  readonly gap_from: EpochMs;
  readonly gap_to: EpochMs;
  readonly cause: GapCause;
}

async function holesBySeries(pool: Pool): Promise<ReadonlyMap<string, Holes>> {
  const found = await pool.query<StoredGap>('select * from market.gaps order by gap_from');
  const gaps = Map.groupBy(found.rows, (row) => seriesKey(seriesOf(row)));
  return new Map(
    [...gaps].map(([key, rows]) => [
      key,
      holesOf(rows.map(({ gap_from: from, gap_to: to, cause }) => ({ from, to, cause }))),
    ]),
  );
}

/** What ClickHouse shows as current, sorted. */
export async function storedEvaluations(client: ClickHouseClient): Promise<string[]> {
  const rows = await readRows<{ row: string }>(client, STORED);
  return rows.map(({ row }) => row).sort();
}

const bits = (column: string): string =>
  `if(isNull(${column}), 'null', lower(hex(reinterpretAsFixedString(assumeNotNull(${column})))))`;

/** Spells the same text as `evaluationText`. */
const STORED = `
  select concatWithSeparator(' ',
    concatWithSeparator('|', f.exchange, f.market_type, f.symbol, f.interval),
    toString(toUnixTimestamp64Milli(f.open_time)), f.status,
    arrayStringConcat(arrayMap(v -> ${bits('v')}, f.values), ','),
    s.status, ifNull(s.decision, 'null'),
    ${['rule_score', 'ml_prob', 'final_score']
      .flatMap((name) => [bits(`s.${name}_long`), bits(`s.${name}_short`)])
      .join(', ')},
    ifNull(s.score_basis, 'null'), arrayStringConcat(s.fired, ',')) as row
  from (select * from features final) as f
  full outer join (select * from signals final) as s
    using (exchange, market_type, symbol, interval, open_time)`;

/** One evaluation as `storedEvaluations` spells it. */
export function evaluationText(
  key: string,
  openTime: EpochMs,
  evaluation: CandleEvaluation,
): string {
  const { vector, status, signal, fired } = evaluation;
  const pair = (scores: { readonly long: number; readonly short: number } | null): string =>
    `${bitsText(scores?.long ?? NaN)} ${bitsText(scores?.short ?? NaN)}`;
  return [
    key,
    openTime,
    status,
    Array.from(vector, bitsText).join(','),
    status,
    signal.decision ?? 'null',
    pair(signal.ruleScore),
    pair(signal.mlProb),
    pair(signal.finalScore),
    signal.scoreBasis ?? 'null',
    fired.join(','),
  ].join(' ');
}

function bitsText(value: number): string {
  return Number.isNaN(value) ? 'null' : Buffer.from(Float64Array.of(value).buffer).toString('hex');
}

function seriesOf(row: StoredSeries): Series {
  const marketType = MARKET_TYPES.find((type) => type === row.market_type);
  if (marketType === undefined) throw new Error(`market type "${row.market_type}" is unknown`);
  const { exchange, symbol } = row;
  return { exchange, marketType, symbol, interval: parseInterval(row.interval) };
}

function valuesOf(row: StoredCandle): Parameters<typeof barOf>[0] {
  return {
    openTime: row.open_time,
    open: exact(row.open),
    high: exact(row.high),
    low: exact(row.low),
    close: exact(row.close),
    volume: optional(row.volume),
    quoteVolume: optional(row.quote_volume),
    trades: row.trades === null ? null : Number(row.trades),
    takerBuyBase: optional(row.taker_buy_base),
    takerBuyQuote: optional(row.taker_buy_quote),
    isClosed: true,
  };
}

function exact(text: string): DecimalString {
  const parsed = parseDecimal(text);
  if (!parsed.ok) throw new Error(`"${text}" in Postgres is not exact: ${parsed.reason}`);
  return parsed.value;
}

function optional(text: string | null): DecimalString | null {
  return text === null ? null : exact(text);
}

/**
 * The newest candle of each series as ClickHouse holds it, with its features and signal. In:
 * partitions. Out: what the analyzer would tell of their series, which it knows by its checkpoints,
 * or where there is none by the ledger. Read-only.
 */
import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { CLICKHOUSE_TABLES } from '#core/contracts/names.ts';
import { DECISIONS, SCORE_BASES, type DirectionScores } from '#core/signal.ts';
import { readRows, type ClickHouseClient } from '#platform/clickhouse.ts';
import type { CandleEvaluation } from '../evaluation.ts';
import { HISTORIC_CANDLE, historicCandle } from '../history.ts';
import type { HistoricCandle } from '../historic-candle.ts';
import type { DerivedRow, NewestCandle } from '../series-state.ts';
import type { Producer } from './tables.ts';

export interface ReadNewestOptions {
  readonly client: ClickHouseClient;
  /** The topic that the checkpoints are of. */
  readonly topic: string;
  /** Whose features and signals. */
  readonly producer: Producer;
  readonly partitions: readonly number[];
}

/** Series of one query. */
const SERIES_MAX = 100;

const KEY = ['exchange', 'market_type', 'symbol', 'interval', 'open_time'];
const SERIES = `concatWithSeparator('|', exchange, market_type, symbol, interval)`;

/** The row with the empty series is the marker of its partition. `since` may be null. */
const CHECKPOINTS = `
  select series, kafka_partition as partition,
         toString(JSONExtractInt(state, 'newest', 'openTime')) as since
  from ${CLICKHOUSE_TABLES.analyzerState} final
  where topic = {topic:String} and kafka_partition in {partitions:Array(UInt16)}`;

const LEDGER = `
  select distinct ${SERIES} as series, '0' as since
  from ${CLICKHOUSE_TABLES.candleRevisions}
  where kafka_partition in {partitions:Array(UInt16)}`;

/** The names one by one let ClickHouse go by the key of the tables. */
const ASKED = `
  exchange in {exchanges:Array(String)} and market_type in {marketTypes:Array(String)}
  and symbol in {symbols:Array(String)} and interval in {intervals:Array(String)}
  and ${SERIES} in {series:Array(String)}
  and open_time >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')`;
const OF_SET = `${ASKED} and feature_set = {featureSet:String}
  and feature_set_version = {featureSetVersion:UInt16}`;

const NEWEST = `
  select n.series as series, toString(toUnixTimestamp64Milli(n.open_time)) as t,
         toString(n.open) as o, toString(n.high) as h, toString(n.low) as l,
         toString(n.close) as c, toString(n.volume) as v, toString(n.quote_volume) as q,
         toString(n.trades) as n, toString(n.taker_buy_base) as b,
         toString(n.taker_buy_quote) as k, n.revision as r, n.source as s,
         toString(toUnixTimestamp64Milli(n.observed_at)) as at, toString(n.version) as version,
         f.status as status, f.values as values, toString(f.version) as row_version,
         s.status = f.status and f.candle_version = n.version as is_whole,
         s.decision as decision, s.rule_score_long as rule_long, s.rule_score_short as rule_short,
         s.ml_prob_long as ml_long, s.ml_prob_short as ml_short,
         s.final_score_long as final_long, s.final_score_short as final_short,
         s.score_basis as basis, s.fired as fired
  from (
    select *, ${SERIES} as series
    from ${CLICKHOUSE_TABLES.candles} final
    where ${ASKED}
    order by open_time desc
    limit 1 by exchange, market_type, symbol, interval
  ) as n
  left join (select * from ${CLICKHOUSE_TABLES.features} final where ${OF_SET}) as f
    using (${KEY.join(', ')})
  left join (
    select * from ${CLICKHOUSE_TABLES.signals} final
    where ${OF_SET} and rule_set = {ruleSet:String} and rule_set_version = {ruleSetVersion:UInt16}
      and model_version = {modelVersion:String}
  ) as s using (${KEY.join(', ')})`;

const KnownSeries = Compile(Type.Object({ series: Type.String(), since: Type.String() }));
const Checkpointed = Compile(
  Type.Object({ series: Type.String(), since: Type.String(), partition: Type.Integer() }),
);

/** Of a current row; a deleted one has none. */
const STATUSES = ['warming', 'tainted', 'active'] as const;
const NullableNumber = Type.Union([Type.Number(), Type.Null()]);
const STORED = Type.Intersect([
  HISTORIC_CANDLE,
  Type.Object({
    series: Type.String(),
    /** False where features or signal are missing, or are of an earlier state of the candle. */
    is_whole: Type.Integer(),
    row_version: Type.String(),
    status: Type.Enum([...STATUSES, '']),
    values: Type.Array(NullableNumber),
    decision: Type.Union([Type.Enum([...DECISIONS]), Type.Null()]),
    rule_long: NullableNumber,
    rule_short: NullableNumber,
    ml_long: NullableNumber,
    ml_short: NullableNumber,
    final_long: NullableNumber,
    final_short: NullableNumber,
    basis: Type.Union([Type.Enum([...SCORE_BASES]), Type.Null()]),
    fired: Type.Array(Type.String()),
  }),
]);
const StoredRow = Compile(STORED);

/** By series key; null for a series that has no candle. */
export async function readNewest(
  options: ReadNewestOptions,
): Promise<ReadonlyMap<string, NewestCandle | null>> {
  const newest = new Map<string, NewestCandle | null>();
  // Those that ended at about the same time together: a query reads from the earliest end on.
  const known = (await readKnown(options)).sort((a, b) => a.since - b.since);
  for (let at = 0; at < known.length; at += SERIES_MAX) {
    const asked = known.slice(at, at + SERIES_MAX);
    for (const { series } of asked) newest.set(series, null);
    await readInto(newest, options, asked, asked[0]?.since ?? 0);
  }
  // A candle that a checkpoint names may have been deleted since; then an earlier one is the newest.
  const missing = known.filter(({ series, since }) => since > 0 && newest.get(series) === null);
  for (let at = 0; at < missing.length; at += SERIES_MAX) {
    await readInto(newest, options, missing.slice(at, at + SERIES_MAX), 0);
  }
  return newest;
}

interface Known {
  readonly series: string;
  /** The newest candle opens here or later; 0 where that is not known. */
  readonly since: number;
}

async function readKnown({ client, topic, partitions }: ReadNewestOptions): Promise<Known[]> {
  const known: Known[] = [];
  const marked = new Set<number>();
  for (const row of await readRows<unknown>(client, CHECKPOINTS, { topic, partitions })) {
    if (!Checkpointed.Check(row)) throw unexpected(row);
    if (row.series === '') marked.add(row.partition);
    else known.push({ series: row.series, since: Number(row.since) });
  }
  const unmarked = partitions.filter((partition) => !marked.has(partition));
  if (unmarked.length === 0) return known;
  for (const row of await readRows<unknown>(client, LEDGER, { partitions: unmarked })) {
    if (!KnownSeries.Check(row)) throw unexpected(row);
    known.push({ series: row.series, since: Number(row.since) });
  }
  return known;
}

async function readInto(
  newest: Map<string, NewestCandle | null>,
  { client, producer }: ReadNewestOptions,
  asked: readonly Known[],
  since: number,
): Promise<void> {
  const series = asked.map((known) => known.series);
  const parts = series.map((key) => key.split('|'));
  const column = (index: number): string[] => [...new Set(parts.map((part) => part[index] ?? ''))];
  const rows = await readRows<unknown>(client, NEWEST, {
    ...producer,
    series,
    since,
    exchanges: column(0),
    marketTypes: column(1),
    symbols: column(2),
    intervals: column(3),
  });
  for (const row of rows) {
    if (!StoredRow.Check(row)) throw unexpected(row);
    const candle = historicCandle(row);
    newest.set(row.series, { candle, row: derivedRow(row, candle) });
  }
}

function derivedRow(row: Static<typeof STORED>, candle: HistoricCandle): DerivedRow {
  const { openTime, version } = candle;
  const evaluation = row.is_whole === 1 ? evaluationOf(row) : null;
  return {
    openTime,
    candleVersion: version,
    version: evaluation === null ? version : BigInt(row.row_version),
    evaluation,
    candle,
    before: null,
  };
}

function evaluationOf(row: Static<typeof STORED>): CandleEvaluation | null {
  if (row.status === '') return null;
  return {
    status: row.status,
    vector: Float64Array.from(row.values, (value) => value ?? NaN),
    signal: {
      decision: row.decision,
      ruleScore: scores(row.rule_long, row.rule_short),
      mlProb: scores(row.ml_long, row.ml_short),
      finalScore: scores(row.final_long, row.final_short),
      scoreBasis: row.basis,
    },
    fired: row.fired,
  };
}

function scores(long: number | null, short: number | null): DirectionScores | null {
  return long === null || short === null ? null : { long, short };
}

function unexpected(row: unknown): Error {
  return new Error(`ClickHouse answered with an unexpected row: ${JSON.stringify(row)}`);
}

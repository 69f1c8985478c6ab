/**
 * The ClickHouse end of a signal's chain. In: the key of its candle, whose rows. Out: its row of signals, its
 * row of features, every change of its candle, newest first, and the change that caused the rows as they
 * are. What is not there says why.
 */
import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import type { CandleKey } from '#core/candle.ts';
import { readRows, type ClickHouseClient } from '#platform/clickhouse.ts';
import type { Producer } from '../../../analyzer/sink/tables.ts';
import { OF_FEATURE_SET, OF_RULE_SET } from '../../../proof/produced-by.ts';

/** A link of the chain that cannot be followed, and why. */
export interface Missing {
  readonly missing: string;
}

export type Link<T> = T | Missing;

export function isMissing(link: object): link is Missing {
  return 'missing' in link;
}

/** Changes of one candle that are told; of more, the newest. */
export const REVISIONS_MAX = 100;

const NullableText = Type.Union([Type.String(), Type.Null()]);
const NullableNumber = Type.Union([Type.Number(), Type.Null()]);

const SIGNAL = Type.Object({
  status: Type.String(),
  decision: NullableText,
  rule_score_long: NullableNumber,
  rule_score_short: NullableNumber,
  ml_prob_long: NullableNumber,
  ml_prob_short: NullableNumber,
  final_score_long: NullableNumber,
  final_score_short: NullableNumber,
  score_basis: NullableText,
  fired: Type.Array(Type.String()),
  feature_set: Type.String(),
  rule_set: Type.String(),
  model_version: NullableText,
  candle_version: Type.String(),
  version: Type.String(),
  is_deleted: Type.Integer(),
});
export type SignalLink = Static<typeof SIGNAL>;

const FEATURES = Type.Object({
  status: Type.String(),
  values: Type.Array(NullableNumber),
  feature_set_hash: Type.String(),
  candle_version: Type.String(),
  version: Type.String(),
  is_deleted: Type.Integer(),
});
export type FeaturesLink = Static<typeof FEATURES>;

const REVISION = Type.Object({
  version: Type.String(),
  op: Type.String(),
  open: Type.String(),
  high: Type.String(),
  low: Type.String(),
  close: Type.String(),
  volume: NullableText,
  quote_volume: NullableText,
  trades: NullableText,
  taker_buy_base: NullableText,
  taker_buy_quote: NullableText,
  revision: Type.Integer(),
  observed_at: Type.String(),
  source: Type.String(),
  is_deleted: Type.Integer(),
  ingest_run_id: NullableText,
  raw_id: NullableText,
  lsn: NullableText,
  tx_id: NullableText,
  committed_at: Type.String(),
  kafka_partition: Type.Integer(),
  kafka_offset: Type.String(),
});
export type RevisionLink = Static<typeof REVISION>;

const CAUSE = Type.Object({ what: Type.String(), t: Type.String() });

const [Signal, Features, Revision, Cause] = [
  Compile(SIGNAL),
  Compile(FEATURES),
  Compile(REVISION),
  Compile(CAUSE),
];

const OF_CANDLE = `exchange = {exchange:String} and market_type = {marketType:String}
  and symbol = {symbol:String} and interval = {interval:String}
  and open_time = fromUnixTimestamp64Milli({openTime:Int64}, 'UTC')`;
const ISO = (column: string): string =>
  `formatDateTime(${column}, '%Y-%m-%dT%H:%i:%S.', 'UTC') ||
   leftPad(toString(toUnixTimestamp64Milli(${column}) % 1000), 3, '0') || 'Z'`;

export interface LineageRequest {
  readonly clickhouse: ClickHouseClient;
  readonly producer: Producer;
  readonly key: CandleKey;
}

export async function readSignal(request: LineageRequest): Promise<Link<SignalLink>> {
  const row = await readCurrent(
    request,
    'signals',
    `status, decision, rule_score_long, rule_score_short, ml_prob_long, ml_prob_short,
     final_score_long, final_score_short, score_basis, fired,
     concat(feature_set, '.v', toString(feature_set_version)) as feature_set,
     concat(rule_set, '.v', toString(rule_set_version)) as rule_set,
     nullIf(toString(model_version), '') as model_version`,
    OF_RULE_SET,
  );
  if (row === undefined) return notThere('signals', request);
  if (!Signal.Check(row)) throw unexpected(row);
  return row;
}

export async function readFeatures(request: LineageRequest): Promise<Link<FeaturesLink>> {
  const columns = 'status, values, feature_set_hash';
  const row = await readCurrent(request, 'features', columns, OF_FEATURE_SET);
  if (row === undefined) return notThere('features', request);
  if (!Features.Check(row)) throw unexpected(row);
  return row;
}

/** The row that shows; where none does, the one that took it away. */
async function readCurrent(
  { clickhouse, producer, key }: LineageRequest,
  table: string,
  columns: string,
  ofProducer: string,
): Promise<unknown> {
  const select = (final: string): string => `
    select * from (
      select ${columns}, toString(candle_version) as candle_version, toString(version) as version,
             is_deleted
      from (select * from ${table} ${final}
            where ${ofProducer} and ${OF_CANDLE} order by ${table}.version desc limit 1)
    )`;
  const parameters = { ...producer, ...key };
  const [shown] = await readRows<unknown>(clickhouse, select('final'), parameters);
  if (shown !== undefined) return shown;
  const [hidden] = await readRows<unknown>(clickhouse, select(''), parameters);
  return hidden;
}

function notThere(table: string, { producer }: LineageRequest): Missing {
  const { featureSet, featureSetVersion, ruleSet, ruleSetVersion } = producer;
  return {
    missing:
      `${table} in ClickHouse has no row of this candle by ${featureSet}.v${featureSetVersion} and ` +
      `${ruleSet}.v${ruleSetVersion}, which run here`,
  };
}

/** Newest first, REVISIONS_MAX at most. */
export async function readRevisions({
  clickhouse,
  key,
}: LineageRequest): Promise<readonly RevisionLink[]> {
  const rows = await readRows<unknown>(
    clickhouse,
    `select toString(r.version) as version, op, toString(open) as open, toString(high) as high,
            toString(low) as low, toString(close) as close, toString(volume) as volume,
            toString(quote_volume) as quote_volume, toString(trades) as trades,
            toString(taker_buy_base) as taker_buy_base, toString(taker_buy_quote) as taker_buy_quote,
            revision, ${ISO('r.observed_at')} as observed_at, source, is_deleted,
            toString(ingest_run_id) as ingest_run_id, toString(raw_id) as raw_id,
            toString(lsn) as lsn, toString(tx_id) as tx_id, ${ISO('r.committed_at')} as committed_at,
            kafka_partition, toString(kafka_offset) as kafka_offset
     from (select * from candle_revisions final where ${OF_CANDLE}) as r
     order by r.version desc
     limit ${REVISIONS_MAX}`,
    { ...key },
  );
  return rows.map((row) => {
    if (!Revision.Check(row)) throw unexpected(row);
    return row;
  });
}

/** What had the rows written as they are: a change of this candle, of an older one, or of the anchor. */
export async function readCause(
  { clickhouse, key }: LineageRequest,
  version: string,
): Promise<Link<{ readonly what: string; readonly at: string }>> {
  const ofSeries = OF_CANDLE.slice(0, OF_CANDLE.lastIndexOf('and open_time'));
  const rows = await readRows<unknown>(
    clickhouse,
    `select * from (
       select 'candle' as what, ${ISO('open_time')} as t from candle_revisions
       where ${ofSeries} and version = {version:UInt128}
         and open_time <= fromUnixTimestamp64Milli({openTime:Int64}, 'UTC')
       order by open_time desc limit 1
       union all
       select 'anchor' as what, ${ISO('anchor')} as t from anchors
       where ${ofSeries} and version = {version:UInt128}
       limit 1
     ) limit 1`,
    { ...key, version },
  );
  const [row] = rows;
  if (row === undefined) return { missing: `the ledger has no change of version ${version}` };
  if (!Cause.Check(row)) throw unexpected(row);
  return { what: row.what, at: row.t };
}

function unexpected(row: unknown): Error {
  return new Error(`unexpected row: ${JSON.stringify(row)}`);
}

/**
 * Rows of the output tables. In: changes and evaluations. Out: a Native block per table. What two
 * tables have in common is written once; gaps and funding payments have a file of their own.
 */
import type { CandleValues, Series } from '#core/candle.ts';
import type { CandleChange } from '#core/contracts/candle-change.ts';
import type { AnchorChange, FundingChange, GapChange } from '#core/contracts/ledger-change.ts';
import { CLICKHOUSE_TABLES } from '#core/contracts/names.ts';
import { decimal } from '#core/decimal.ts';
import type { DerivedRow } from '../series-state.ts';
import type { Waypoint, WaypointCause } from '../waypoint.ts';
import { LedgerRows } from './ledger-rows.ts';
import {
  ArrayColumn,
  DictionaryColumn,
  encodeBlock,
  NullableColumn,
  PlainColumn,
  type NativeColumn,
} from './native-block.ts';
import { WaypointRows } from './waypoint-rows.ts';

/** Table of each output. */
export const OUTPUTS = {
  revisions: CLICKHOUSE_TABLES.candleRevisions,
  candles: CLICKHOUSE_TABLES.candles,
  features: CLICKHOUSE_TABLES.features,
  signals: CLICKHOUSE_TABLES.signals,
  gaps: CLICKHOUSE_TABLES.gaps,
  gapRevisions: CLICKHOUSE_TABLES.gapRevisions,
  fundingRates: CLICKHOUSE_TABLES.fundingRates,
  anchors: CLICKHOUSE_TABLES.anchors,
  waypoints: CLICKHOUSE_TABLES.waypoints,
} as const;

export type OutputName = keyof typeof OUTPUTS;
export const OUTPUT_NAMES = Object.keys(OUTPUTS) as readonly OutputName[];

/** What the rows say about the code that made them. */
export interface Producer {
  readonly featureSet: string;
  readonly featureSetVersion: number;
  /** SHA-256 of the set's canonical text, hex. */
  readonly featureSetHash: string;
  readonly ruleSet: string;
  readonly ruleSetVersion: number;
  /** Empty where no model speaks. */
  readonly modelVersion: string;
}

/** Raise it with what saved states hold: those of another layout are not read then. */
const STATE_LAYOUT = 2;

/** Names the code that a saved state is of: another one cannot go on with it. */
export function producerId(producer: Producer): string {
  const { featureSet, featureSetVersion, featureSetHash, ruleSet, ruleSetVersion } = producer;
  const code = `${featureSet}.v${featureSetVersion}:${featureSetHash}/${ruleSet}.v${ruleSetVersion}`;
  return `${code}~${STATE_LAYOUT}`;
}

/** Stands for the values of a deleted candle, whose old ones change capture does not tell. */
const DELETED_VALUES: CandleValues = {
  open: decimal('0'),
  high: decimal('0'),
  low: decimal('0'),
  close: decimal('0'),
  volume: null,
  quoteVolume: null,
  trades: null,
  takerBuyBase: null,
  takerBuyQuote: null,
  isClosed: true,
};

const TIME = "DateTime64(3, 'UTC')";
const PRICE = 'Decimal(38, 18)';

/** Which series a row is about. */
function seriesColumns() {
  return {
    exchange: new DictionaryColumn(),
    market_type: new DictionaryColumn(),
    symbol: new DictionaryColumn(),
    interval: new DictionaryColumn(),
    open_time: new PlainColumn(TIME),
  };
}

/** The columns of `candles`. */
function candleColumns() {
  return {
    ...seriesColumns(),
    open: new PlainColumn(PRICE),
    high: new PlainColumn(PRICE),
    low: new PlainColumn(PRICE),
    close: new PlainColumn(PRICE),
    volume: new NullableColumn(PRICE),
    quote_volume: new NullableColumn(PRICE),
    trades: new NullableColumn('Int64'),
    taker_buy_base: new NullableColumn(PRICE),
    taker_buy_quote: new NullableColumn(PRICE),
    revision: new PlainColumn('UInt32'),
    observed_at: new PlainColumn(TIME),
    source: new DictionaryColumn(),
    version: new PlainColumn('UInt128'),
    is_deleted: new PlainColumn('UInt8'),
  };
}

/** What the ledger has beside them. */
function lineageColumns() {
  return {
    op: new DictionaryColumn(),
    ingest_run_id: new NullableColumn('Int64'),
    raw_id: new NullableColumn('Int64'),
    lsn: new NullableColumn('UInt64'),
    tx_id: new NullableColumn('UInt64'),
    committed_at: new PlainColumn(TIME),
    kafka_partition: new PlainColumn('UInt16'),
    kafka_offset: new PlainColumn('UInt64'),
  };
}

/** What `features` and `signals` have in common. */
function derivedColumns() {
  return {
    ...seriesColumns(),
    feature_set: new DictionaryColumn(),
    feature_set_version: new PlainColumn('UInt16'),
    status: new DictionaryColumn(),
    candle_version: new PlainColumn('UInt128'),
    version: new PlainColumn('UInt128'),
    is_deleted: new PlainColumn('UInt8'),
  };
}

function featureColumns() {
  return {
    feature_set_hash: new DictionaryColumn(),
    values: new ArrayColumn(new NullableColumn('Float64')),
  };
}

function signalColumns() {
  return {
    rule_set: new DictionaryColumn(),
    rule_set_version: new PlainColumn('UInt16'),
    model_version: new DictionaryColumn(),
    decision: new NullableColumn('String'),
    rule_score_long: new NullableColumn('Float64'),
    rule_score_short: new NullableColumn('Float64'),
    ml_prob_long: new NullableColumn('Float64'),
    ml_prob_short: new NullableColumn('Float64'),
    final_score_long: new NullableColumn('Float64'),
    final_score_short: new NullableColumn('Float64'),
    score_basis: new NullableColumn('String'),
    fired: new ArrayColumn(new PlainColumn('String')),
  };
}

/** A block for each table, without bytes where it has no rows. */
export interface OutputBlocks extends Readonly<Record<OutputName, Buffer>> {
  /** The waypoints have to be durable before the other rows are. */
  readonly waypointsFirst: boolean;
}

/** Collects rows until they are taken. */
export class OutputRows {
  readonly #producer: Producer;
  readonly #candle = candleColumns();
  readonly #lineage = lineageColumns();
  readonly #derived = derivedColumns();
  readonly #feature = featureColumns();
  readonly #signal = signalColumns();
  readonly #ledger = new LedgerRows();
  readonly #waypoints: WaypointRows;

  constructor(producer: Producer) {
    this.#producer = producer;
    this.#waypoints = new WaypointRows(producerId(producer));
  }

  /** Rows in the fullest table. */
  get rows(): number {
    return Math.max(this.#candle.version.length, this.#derived.version.length, this.#ledger.rows);
  }

  addGap(change: GapChange): void {
    this.#ledger.addGap(change);
  }

  addFunding(change: FundingChange): void {
    this.#ledger.addFunding(change);
  }

  addAnchor(change: AnchorChange): void {
    this.#ledger.addAnchor(change);
  }

  addWaypoint(key: string, waypoint: Waypoint, cause: WaypointCause): void {
    this.#waypoints.add(key, waypoint, cause);
  }

  /** The candle as it is now, and the change in the ledger. */
  addChange(change: CandleChange): void {
    const candle = this.#candle;
    const values = change.values ?? DELETED_VALUES;
    writeSeries(candle, change.series, change.openTime);
    candle.open.next.decimal(values.open);
    candle.high.next.decimal(values.high);
    candle.low.next.decimal(values.low);
    candle.close.next.decimal(values.close);
    candle.volume.decimal(values.volume);
    candle.quote_volume.decimal(values.quoteVolume);
    candle.trades.int64(values.trades);
    candle.taker_buy_base.decimal(values.takerBuyBase);
    candle.taker_buy_quote.decimal(values.takerBuyQuote);
    candle.revision.next.uint32(change.revision);
    candle.observed_at.next.int64(change.observedAt);
    candle.source.string(change.source);
    candle.version.next.uint128(change.version);
    candle.is_deleted.next.uint8(change.values === null ? 1 : 0);

    const lineage = this.#lineage;
    lineage.op.string(change.origin === 'incremental_snapshot' ? 'i' : change.op);
    lineage.ingest_run_id.int64(numberOrNull(change.ingestRunId));
    lineage.raw_id.int64(numberOrNull(change.rawId));
    lineage.lsn.uint64(change.lsn === null ? null : BigInt(change.lsn));
    lineage.tx_id.int64(change.txId);
    lineage.committed_at.next.int64(change.committedAt);
    lineage.kafka_partition.next.uint16(change.partition);
    lineage.kafka_offset.next.uint64(BigInt(change.offset));
  }

  /** The features and the signal of one candle; both deleted where its evaluation is null. */
  addDerived(series: Series, row: Omit<DerivedRow, 'candle' | 'before'>): void {
    const { featureSet, featureSetVersion, featureSetHash } = this.#producer;
    const { evaluation } = row;
    const derived = this.#derived;
    writeSeries(derived, series, row.openTime);
    derived.feature_set.string(featureSet);
    derived.feature_set_version.next.uint16(featureSetVersion);
    derived.status.string(evaluation?.status ?? 'retracted');
    derived.candle_version.next.uint128(row.candleVersion);
    derived.version.next.uint128(row.version);
    derived.is_deleted.next.uint8(evaluation === null ? 1 : 0);

    this.#feature.feature_set_hash.string(featureSetHash);
    const { values } = this.#feature;
    for (const value of evaluation?.vector ?? []) {
      values.elements.float64(Number.isNaN(value) ? null : value);
    }
    values.end();
    this.#addSignal(evaluation);
  }

  #addSignal(evaluation: DerivedRow['evaluation']): void {
    const { ruleSet, ruleSetVersion, modelVersion } = this.#producer;
    const columns = this.#signal;
    const signal = evaluation?.signal ?? null;
    columns.rule_set.string(ruleSet);
    columns.rule_set_version.next.uint16(ruleSetVersion);
    columns.model_version.string(modelVersion);
    columns.decision.string(signal?.decision ?? null);
    columns.rule_score_long.float64(signal?.ruleScore?.long ?? null);
    columns.rule_score_short.float64(signal?.ruleScore?.short ?? null);
    columns.ml_prob_long.float64(signal?.mlProb?.long ?? null);
    columns.ml_prob_short.float64(signal?.mlProb?.short ?? null);
    columns.final_score_long.float64(signal?.finalScore?.long ?? null);
    columns.final_score_short.float64(signal?.finalScore?.short ?? null);
    columns.score_basis.string(signal?.scoreBasis ?? null);
    for (const name of evaluation?.fired ?? []) columns.fired.elements.next.string(name);
    columns.fired.end();
  }

  /** Hands over a block for each table, without bytes where it has no rows, and starts anew. */
  take(): OutputBlocks {
    const candle = this.#candle;
    const derived = this.#derived;
    const blocks = {
      revisions: encodeBlock({ ...candle, ...this.#lineage }),
      candles: encodeBlock(candle),
      features: encodeBlock({ ...derived, ...this.#feature }),
      signals: encodeBlock({ ...derived, ...this.#signal }),
      ...this.#ledger.take(),
      ...this.#waypoints.take(),
    };
    for (const part of [candle, this.#lineage, derived, this.#feature, this.#signal]) {
      for (const column of Object.values<NativeColumn>(part)) column.clear();
    }
    return blocks;
  }
}

function writeSeries(
  columns: ReturnType<typeof seriesColumns>,
  series: Series,
  openTime: number,
): void {
  columns.exchange.string(series.exchange);
  columns.market_type.string(series.marketType);
  columns.symbol.string(series.symbol);
  columns.interval.string(series.interval);
  columns.open_time.next.int64(openTime);
}

function numberOrNull(id: string | null): number | null {
  return id === null ? null : Number(id);
}

/**
 * Rows of the four output tables as RowBinary. In: changes and evaluations. Out: bytes per table.
 * The column lists stand beside the code that writes them, in the same order.
 */
import type { CandleValues, Series } from '#core/candle.ts';
import type { CandleChange } from '#core/contracts/candle-change.ts';
import { CLICKHOUSE_TABLES } from '#core/contracts/names.ts';
import { decimal } from '#core/decimal.ts';
import type { DerivedRow } from '../series-state.ts';
import { RowBinaryWriter } from './row-binary.ts';

const SERIES_COLUMNS = ['exchange', 'market_type', 'symbol', 'interval'] as const;
const VALUE_COLUMNS = [
  'open',
  'high',
  'low',
  'close',
  'volume',
  'quote_volume',
  'trades',
  'taker_buy_base',
  'taker_buy_quote',
] as const;

/** Table and columns of each output, in the order in which they are written. */
export const OUTPUTS = {
  revisions: {
    table: CLICKHOUSE_TABLES.candleRevisions,
    columns: [
      ...SERIES_COLUMNS,
      'open_time',
      'version',
      'op',
      ...VALUE_COLUMNS,
      'revision',
      'observed_at',
      'source',
      'ingest_run_id',
      'raw_id',
      'is_deleted',
      'lsn',
      'tx_id',
      'committed_at',
      'kafka_partition',
      'kafka_offset',
    ],
  },
  candles: {
    table: CLICKHOUSE_TABLES.candles,
    columns: [
      ...SERIES_COLUMNS,
      'open_time',
      ...VALUE_COLUMNS,
      'revision',
      'observed_at',
      'source',
      'version',
      'is_deleted',
    ],
  },
  features: {
    table: CLICKHOUSE_TABLES.features,
    columns: [
      ...SERIES_COLUMNS,
      'feature_set',
      'feature_set_version',
      'open_time',
      'feature_set_hash',
      'status',
      'values',
      'candle_version',
      'version',
      'is_deleted',
    ],
  },
  signals: {
    table: CLICKHOUSE_TABLES.signals,
    columns: [
      ...SERIES_COLUMNS,
      'feature_set',
      'feature_set_version',
      'rule_set',
      'rule_set_version',
      'model_version',
      'open_time',
      'status',
      'decision',
      'rule_score_long',
      'rule_score_short',
      'ml_prob_long',
      'ml_prob_short',
      'final_score_long',
      'final_score_short',
      'score_basis',
      'fired',
      'candle_version',
      'version',
      'is_deleted',
    ],
  },
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

/** Collects rows until they are taken. */
export class OutputRows {
  readonly #writers: Readonly<Record<OutputName, RowBinaryWriter>> = {
    revisions: new RowBinaryWriter(),
    candles: new RowBinaryWriter(),
    features: new RowBinaryWriter(),
    signals: new RowBinaryWriter(),
  };
  readonly #scratch = new RowBinaryWriter();
  readonly #producer: Producer;
  readonly #featureSetHash: Buffer;
  /** What the rows of a series begin with, already encoded. */
  readonly #prefixes = new Map<string, Prefixes>();
  #changes = 0;
  #derived = 0;

  constructor(producer: Producer) {
    this.#producer = producer;
    const writer = new RowBinaryWriter();
    writer.string(producer.featureSetHash);
    this.#featureSetHash = writer.take();
  }

  /** Rows in the fullest table. */
  get rows(): number {
    return Math.max(this.#changes, this.#derived);
  }

  /** The candle as it is now, and the change in the ledger. */
  addChange(change: CandleChange): void {
    const prefix = this.#prefixesOf(change.key, change.series).series;
    const deleted = change.values === null ? 1 : 0;
    const values = this.#encodeValues(change.values ?? DELETED_VALUES);
    const { candles, revisions } = this.#writers;

    candles.raw(prefix);
    candles.int64(change.openTime);
    candles.raw(values);
    candles.uint32(change.revision);
    candles.int64(change.observedAt);
    candles.string(change.source);
    candles.uint128(change.version);
    candles.uint8(deleted);

    revisions.raw(prefix);
    revisions.int64(change.openTime);
    revisions.uint128(change.version);
    revisions.string(change.origin === 'incremental_snapshot' ? 'i' : change.op);
    revisions.raw(values);
    revisions.uint32(change.revision);
    revisions.int64(change.observedAt);
    revisions.string(change.source);
    revisions.nullableInt64(change.ingestRunId === null ? null : Number(change.ingestRunId));
    revisions.nullableInt64(change.rawId === null ? null : Number(change.rawId));
    revisions.uint8(deleted);
    if (revisions.present(change.lsn) && change.lsn !== null) revisions.uint64(BigInt(change.lsn));
    revisions.nullableInt64(change.txId);
    revisions.int64(change.committedAt);
    revisions.uint16(change.partition);
    revisions.uint64(BigInt(change.offset));
    this.#changes += 1;
  }

  /** The features and the signal of one candle; both deleted where its evaluation is null. */
  addDerived(key: string, series: Series, row: DerivedRow): void {
    const prefixes = this.#prefixesOf(key, series);
    const { evaluation } = row;
    const { features, signals } = this.#writers;

    features.raw(prefixes.features);
    features.int64(row.openTime);
    features.raw(this.#featureSetHash);
    features.string(evaluation?.status ?? 'retracted');
    writeVector(features, evaluation?.vector ?? null);
    features.uint128(row.candleVersion);
    features.uint128(row.version);
    features.uint8(evaluation === null ? 1 : 0);

    signals.raw(prefixes.signals);
    signals.int64(row.openTime);
    signals.string(evaluation?.status ?? 'retracted');
    writeSignal(signals, evaluation);
    signals.uint128(row.candleVersion);
    signals.uint128(row.version);
    signals.uint8(evaluation === null ? 1 : 0);
    this.#derived += 1;
  }

  /** Hands over the encoded rows of all tables and starts anew. */
  take(): Readonly<Record<OutputName, Buffer>> {
    this.#changes = 0;
    this.#derived = 0;
    const { revisions, candles, features, signals } = this.#writers;
    return {
      revisions: revisions.take(),
      candles: candles.take(),
      features: features.take(),
      signals: signals.take(),
    };
  }

  #encodeValues(values: CandleValues): Buffer {
    const writer = this.#scratch;
    const start = writer.length > 1_000_000 ? (writer.take(), 0) : writer.length;
    writer.decimal(values.open);
    writer.decimal(values.high);
    writer.decimal(values.low);
    writer.decimal(values.close);
    writer.nullableDecimal(values.volume);
    writer.nullableDecimal(values.quoteVolume);
    writer.nullableInt64(values.trades);
    writer.nullableDecimal(values.takerBuyBase);
    writer.nullableDecimal(values.takerBuyQuote);
    return writer.bytes(start);
  }

  #prefixesOf(key: string, series: Series): Prefixes {
    const known = this.#prefixes.get(key);
    if (known !== undefined) return known;
    const { featureSet, featureSetVersion, ruleSet, ruleSetVersion, modelVersion } = this.#producer;
    const writer = new RowBinaryWriter();
    writer.string(series.exchange);
    writer.string(series.marketType);
    writer.string(series.symbol);
    writer.string(series.interval);
    const seriesEnd = writer.length;
    writer.string(featureSet);
    writer.uint16(featureSetVersion);
    const featuresEnd = writer.length;
    writer.string(ruleSet);
    writer.uint16(ruleSetVersion);
    writer.string(modelVersion);
    // A copy: the writer's own buffer is far larger.
    const bytes = Buffer.from(writer.bytes());
    const prefixes = {
      series: bytes.subarray(0, seriesEnd),
      features: bytes.subarray(0, featuresEnd),
      signals: bytes,
    };
    this.#prefixes.set(key, prefixes);
    return prefixes;
  }
}

/** The leading columns of each table's rows; they share their beginning. */
interface Prefixes {
  readonly series: Buffer;
  readonly features: Buffer;
  readonly signals: Buffer;
}

function writeVector(writer: RowBinaryWriter, vector: Float64Array | null): void {
  writer.varint(vector?.length ?? 0);
  if (vector === null) return;
  for (const value of vector) {
    if (Number.isNaN(value)) {
      writer.uint8(1);
    } else {
      writer.uint8(0);
      writer.float64(value);
    }
  }
}

function writeSignal(writer: RowBinaryWriter, evaluation: DerivedRow['evaluation']): void {
  const signal = evaluation?.signal ?? null;
  writer.nullableString(signal?.decision ?? null);
  writer.nullableFloat64(signal?.ruleScore?.long ?? null);
  writer.nullableFloat64(signal?.ruleScore?.short ?? null);
  writer.nullableFloat64(signal?.mlProb?.long ?? null);
  writer.nullableFloat64(signal?.mlProb?.short ?? null);
  writer.nullableFloat64(signal?.finalScore?.long ?? null);
  writer.nullableFloat64(signal?.finalScore?.short ?? null);
  writer.nullableString(signal?.scoreBasis ?? null);
  const fired = evaluation?.fired ?? [];
  writer.varint(fired.length);
  for (const name of fired) writer.string(name);
}

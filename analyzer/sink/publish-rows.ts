/**
 * Rows of features and signals as messages for others. In: a row as it is derived. Out: key and value of a
 * message each, in the wire format of the registry. Pure: equal rows make equal bytes, whenever they are
 * derived, so that readers can tell a message that was sent again by key and version.
 */
import { hash } from 'node:crypto';
import { avroType, framed, type RegisteredContracts } from '../../connectors/index.ts';
import { seriesKey, type Series } from '#core/candle.ts';
import { endOf } from '#core/interval.ts';
import type { Decision } from '#core/signal.ts';
import { toldDecision } from '../evaluation.ts';
import type { DerivedRow } from '../series-state.ts';
import { FeatureBytes } from './feature-bytes.ts';
import type { Producer } from './tables.ts';

export interface RowMessage {
  readonly key: string;
  readonly value: Buffer;
}

/** What one row has to tell. */
export interface RowMessages {
  readonly feature: RowMessage;
  /**
   * Null where the row decides nothing, and its earlier self did not either. Where that is not sure, what may
   * have been told is retracted: of what was never told a retraction takes nothing.
   */
  readonly signal: RowMessage | null;
}

export type RowEncoder = (series: Series, row: DerivedRow) => RowMessages;

/** The same for all messages about one candle, be they features, signals or revisions of either. */
export function idempotencyKey(series: Series, openTime: number): string {
  return hash('sha256', `${seriesKey(series)}|${openTime}`, 'hex');
}

/** @param featureNames in the order of the vectors. */
export function createRowEncoder(
  producer: Producer,
  featureNames: readonly string[],
  contracts: RegisteredContracts,
): RowEncoder {
  const features = contracts['features.v1'];
  const signals = contracts['signals.v1'];
  const featureBytes = new FeatureBytes(producer, featureNames, features.schemaId);
  const signalType = avroType(signals.text);
  return (series, row) => {
    const key = idempotencyKey(series, row.openTime);
    const signal = signalMessage(producer, series, row);
    return {
      feature: { key, value: featureBytes.encode(series, row) },
      signal: signal === null ? null : { key, value: framed(signals.schemaId, signalType, signal) },
    };
  };
}

function signalMessage(producer: Producer, series: Series, row: DerivedRow): object | null {
  const signal = row.evaluation?.signal ?? null;
  const decision = acted(row.evaluation === null ? null : toldDecision(row.evaluation));
  const earlier = row.before;
  if (decision === null && (earlier === null || earlier === 'Neutral')) return null;
  const before = earlier === 'any' ? null : acted(earlier);
  return {
    ...placeOf(series, row),
    feature_set: producer.featureSet,
    feature_set_version: producer.featureSetVersion,
    rule_set: producer.ruleSet,
    rule_set_version: producer.ruleSetVersion,
    model_version: producer.modelVersion,
    status: decision === null ? 'retracted' : 'active',
    decision,
    retracted_decision: before === decision ? null : before,
    rule_score_long: signal?.ruleScore?.long ?? null,
    rule_score_short: signal?.ruleScore?.short ?? null,
    ml_prob_long: signal?.mlProb?.long ?? null,
    ml_prob_short: signal?.mlProb?.short ?? null,
    final_score_long: signal?.finalScore?.long ?? null,
    final_score_short: signal?.finalScore?.short ?? null,
    score_basis: signal?.scoreBasis ?? null,
    fired: row.evaluation?.fired ?? [],
  };
}

/** A decision that somebody would act on. */
function acted(decision: Decision | null): Decision | null {
  return decision === 'Neutral' ? null : decision;
}

function placeOf(series: Series, { openTime, candle, candleVersion, version }: DerivedRow): object {
  return {
    exchange: series.exchange,
    market_type: series.marketType,
    symbol: series.symbol,
    interval: series.interval,
    ts_event: openTime,
    ts_close: endOf(series.interval, openTime),
    ts_observed: candle?.observedAt ?? null,
    close: candle?.values.close ?? null,
    revision: candle?.revision ?? null,
    candle_version: candleVersion,
    version,
  };
}

/**
 * Follows one signal back to where it came from. In: clients, which signal. Out: its chain, link by link: row of
 * signals, row of features, changes of the candle, record of Kafka, place in the WAL, run, raw payload, and
 * the hashes of what computed it. A link that is gone says why; nothing is guessed.
 */
import { createHash } from 'node:crypto';
import { seriesKey, type CandleKey } from '#core/candle.ts';
import { TOPIC_CANDLES } from '#core/contracts/names.ts';
import { AppError } from '#core/errors.ts';
import { formatInstant } from '#core/time.ts';
import type { ClickHouseClient } from '#platform/clickhouse.ts';
import type { Pool } from '#platform/postgres.ts';
import { producerOf } from '../../../analyzer/running-rules.ts';
import type { CompiledRuleSet } from '../../../analyzer/signals/rule-set.ts';
import { lsnText } from '#core/lsn.ts';
import {
  isMissing,
  readCause,
  readFeatures,
  readRevisions,
  readSignal,
  REVISIONS_MAX,
  type FeaturesLink,
  type Link,
  type LineageRequest,
  type RevisionLink,
  type SignalLink,
} from './evaluation-links.ts';
import { readRaw, readRun, type RawLink, type RunLink } from './ingest-links.ts';
import {
  checkRecord,
  placeOfVersion,
  whyNotRetained,
  type KafkaAccess,
  type RecordCheck,
} from './kafka-record.ts';
import { findSignal, parseSignalId, signalId } from './signal-id.ts';

export interface TraceAccess {
  readonly pool: Pool;
  readonly clickhouse: ClickHouseClient;
  readonly topics: KafkaAccess;
  readonly rules: CompiledRuleSet;
}

export interface RecordLink {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  /** Null while Kafka holds it, else why not. */
  readonly gone: string | null;
}

export interface WalLink {
  /** Of the change's own record; null for a row of an incremental snapshot, which stands for none. */
  readonly record: string | null;
  /** Of the last commit before it. */
  readonly commitBefore: string;
  readonly txId: string | null;
  readonly committedAt: string;
}

export interface Lineage {
  readonly id: string;
  readonly series: string;
  readonly openTime: string;
  readonly signal: Link<SignalLink>;
  readonly features: Link<
    FeaturesLink & { readonly named: Readonly<Record<string, number | null>> }
  >;
  /** What had these rows written. */
  readonly cause: Link<{ readonly what: string; readonly at: string }>;
  /** Newest first. */
  readonly revisions: readonly RevisionLink[];
  readonly isCut: boolean;
  /** The version of the candle that the signal is about: the links below are of that change. */
  readonly basis: Link<{ readonly version: string }>;
  readonly record: Link<RecordLink>;
  /** Null where nobody asked for it. */
  readonly verified: Link<RecordCheck> | null;
  readonly wal: Link<WalLink>;
  readonly run: Link<RunLink>;
  readonly raw: Link<RawLink>;
  readonly hashes: {
    readonly featureSet: { readonly recorded: string | null; readonly running: string };
    readonly ruleSet: Link<{ readonly recorded: string | null }> & { readonly running: string };
    /** No model speaks. */
    readonly model: string | null;
    readonly config: Link<{ readonly recorded: string }>;
  };
}

/** @throws AppError WICK_USAGE where there is no such signal, nor such a candle. */
export async function traceSignal(
  access: TraceAccess,
  text: string,
  verify: boolean,
): Promise<Lineage> {
  const { pool, clickhouse, topics, rules } = access;
  const parsed = parseSignalId(text);
  const key = typeof parsed === 'string' ? await findSignal(clickhouse, parsed) : parsed;
  const request: LineageRequest = { clickhouse, producer: producerOf(rules), key };
  const [signal, features, revisions] = await Promise.all([
    readSignal(request),
    readFeatures(request),
    readRevisions(request),
  ]);
  if (isMissing(signal) && isMissing(features) && revisions.length === 0) throw unknown(key);
  const basis = basisOf(signal, revisions);
  const no = <T>(): Link<T> => ({ missing: isMissing(basis) ? basis.missing : 'unknown' });
  const change = isMissing(basis) ? null : basis;
  const version = isMissing(signal) ? null : signal.version;
  const [cause, gone, verified, run, raw] = await Promise.all([
    version === null ? { missing: 'there is no row' } : readCause(request, version),
    change === null ? null : whyNotRetained(topics, change),
    change === null || !verify ? null : checkRecord(topics, key, change),
    change === null ? no<RunLink>() : readRun(pool, change),
    change === null ? no<RawLink>() : readRaw(pool, change),
  ]);
  return {
    id: signalId(key),
    series: seriesKey(key),
    openTime: formatInstant(key.openTime),
    signal,
    features: isMissing(features) ? features : { ...features, named: named(features, rules) },
    cause,
    revisions,
    isCut: revisions.length === REVISIONS_MAX,
    basis: change === null ? no() : { version: change.version },
    record: change === null ? no() : recordOf(change, gone),
    verified: verify && change === null ? no() : verified,
    wal: change === null ? no() : walOf(change),
    run,
    raw,
    hashes: hashesOf(features, rules),
  };
}

function unknown(key: CandleKey): AppError {
  return new AppError(
    'WICK_USAGE',
    `ClickHouse has neither a signal nor a change of "${seriesKey(key)}" at ${formatInstant(key.openTime)}; ` +
      'open times are those of closed candles, UTC',
  );
}

/** The change that the signal is about; without a signal the newest one. */
function basisOf(signal: Link<SignalLink>, revisions: readonly RevisionLink[]): Link<RevisionLink> {
  const wanted = isMissing(signal) ? revisions[0]?.version : signal.candle_version;
  const found = revisions.find(({ version }) => version === wanted);
  return (
    found ?? {
      missing: `candle_revisions has no change of this candle at version ${wanted ?? 'of any kind'}`,
    }
  );
}

function recordOf(change: RevisionLink, gone: string | null): RecordLink {
  const { kafka_partition: partition, kafka_offset: offset } = change;
  return { topic: TOPIC_CANDLES, partition, offset, gone };
}

function walOf({ version, lsn, tx_id: txId, committed_at: committedAt }: RevisionLink): WalLink {
  const { commitBefore } = placeOfVersion(version);
  return {
    record: lsn === null ? null : lsnText(BigInt(lsn)),
    commitBefore: lsnText(commitBefore),
    txId,
    committedAt,
  };
}

function named(
  { values }: FeaturesLink,
  { features: { names } }: CompiledRuleSet,
): Readonly<Record<string, number | null>> {
  return Object.fromEntries(
    values.map((value, index) => [names[index] ?? `values[${index + 1}]`, value]),
  );
}

function hashesOf(features: Link<FeaturesLink>, rules: CompiledRuleSet): Lineage['hashes'] {
  return {
    featureSet: {
      recorded: isMissing(features) ? null : features.feature_set_hash,
      running: producerOf(rules).featureSetHash,
    },
    ruleSet: {
      missing: 'not recorded: rows name the rule set and its version only',
      running: createHash('sha256').update(JSON.stringify(rules.ruleSet)).digest('hex'),
    },
    model: null,
    config: {
      missing:
        'not recorded: no variable of the configuration bears on a value; feature set and rule set do',
    },
  };
}

/**
 * `wick lineage`: where one signal came from, back to the venue's answer. Exit 0 where every link that is there
 * holds; 1 where the payload's hash is another, or, with --verify, the ledger does not follow from Kafka or
 * Kafka no longer holds the record.
 */
import { clickHouseOptions, createClickHouse } from '#platform/clickhouse.ts';
import { assertCluster, createKafka } from '#platform/kafka.ts';
import { createPostgresPool, postgresOptions } from '#platform/postgres.ts';
import { readRunningRules } from '../../analyzer/running-rules.ts';
import { createCommandLogger } from '../pipeline/command-logger.ts';
import {
  isMissing,
  type Link,
  type RevisionLink,
  type SignalLink,
} from '../pipeline/lineage/evaluation-links.ts';
import type { RawLink, RunLink } from '../pipeline/lineage/ingest-links.ts';
import { parseSignalId } from '../pipeline/lineage/signal-id.ts';
import { traceSignal, type Lineage } from '../pipeline/lineage/trace.ts';
import { grouped } from './amounts.ts';
import { commandConfig } from './command-config.ts';
import type { JsonFlag } from './flags.ts';

export interface LineageFlags extends JsonFlag {
  readonly verify?: boolean;
}

/** Features that are shown in a line. */
const FEATURES_IN_LINE = 4;

export async function lineage(id: string, options: LineageFlags): Promise<number> {
  parseSignalId(id);
  const config = commandConfig();
  const rules = await readRunningRules();
  const logger = createCommandLogger(config);
  const kafka = createKafka({
    brokers: config.KAFKA_BROKERS,
    clientId: 'wickstream-lineage',
    logger,
  });
  const admin = kafka.admin({ retry: { retries: 1 } });
  const pool = createPostgresPool(postgresOptions(config, 'wickstream-lineage'), (error) =>
    logger.debug({ err: error.message }, 'postgres connection lost'),
  );
  const clickhouse = createClickHouse(clickHouseOptions(config, 'wickstream-lineage'));
  try {
    await admin.connect();
    await assertCluster(admin, config.KAFKA_CLUSTER_ID);
    const access = { pool, clickhouse, topics: { kafka, admin }, rules };
    const chain = await traceSignal(access, id, options.verify === true);
    process.stdout.write(options.json === true ? `${JSON.stringify(chain)}\n` : describe(chain));
    return holds(chain) ? 0 : 1;
  } finally {
    await Promise.allSettled([admin.disconnect(), pool.end(), clickhouse.close()]);
  }
}

function holds({ raw, verified }: Lineage): boolean {
  const isOther = !isMissing(raw) && !raw.matches;
  // Asked to verify, what Kafka no longer holds is not verified.
  const isRefuted = verified !== null && (isMissing(verified) || !verified.follows);
  return !isOther && !isRefuted;
}

function describe(chain: Lineage): string {
  const { basis, cause, features, record, signal, verified, wal } = chain;
  const lines = [
    line('signal', chain.id),
    line('', `${chain.series} ${chain.openTime}`),
    ...told(signal, describeSignal),
    ...told(cause, ({ what, at }) => [`written for a change of the ${what} ${at}`]),
    line(
      'features',
      isMissing(features)
        ? gone(features)
        : `${features.status}, ${features.values.length} values of ${hashText(features.feature_set_hash)}`,
    ),
    ...(isMissing(features) ? [] : featureLines(features.named)),
    ...chain.revisions.flatMap((change) => describeRevision(change, basis)),
    ...(chain.revisions.length === 0 ? [line('candle', 'no change of it in the ledger')] : []),
    ...(chain.isCut ? [line('', `these are the newest ${chain.revisions.length}`)] : []),
    line(
      'kafka',
      isMissing(record)
        ? gone(record)
        : `${record.topic} partition ${record.partition} offset ${record.offset}` +
            (record.gone === null ? ', still there' : `; ${record.gone}`),
    ),
    ...(verified === null
      ? []
      : [line('', isMissing(verified) ? gone(verified) : describeCheck(verified))]),
    line(
      'wal',
      isMissing(wal)
        ? gone(wal)
        : `${wal.record ?? 'no record of its own (incremental snapshot)'}, behind the commit at ${wal.commitBefore}, ` +
            `transaction ${wal.txId ?? 'not told'}, committed ${wal.committedAt}`,
    ),
    ...described('run', chain.run, describeRun),
    ...described('payload', chain.raw, describeRaw),
    ...describeHashes(chain),
  ];
  return `${lines.join('\n')}\n`;
}

function line(label: string, text: string): string {
  return `${label.padEnd(12)}${text}`;
}

function gone({ missing }: { readonly missing: string }): string {
  return `not there: ${missing}`;
}

function told<T extends object>(link: Link<T>, of: (link: T) => string[]): string[] {
  return (isMissing(link) ? [gone(link)] : of(link)).map((text) => line('', text));
}

function described<T extends object>(
  label: string,
  link: Link<T>,
  of: (link: T) => string[],
): string[] {
  return (isMissing(link) ? [gone(link)] : of(link)).map((text, index) =>
    line(index === 0 ? label : '', text),
  );
}

function describeSignal(signal: SignalLink): string[] {
  const scores = (name: 'rule_score' | 'ml_prob' | 'final_score', label: string): string => {
    const [long, short] = [signal[`${name}_long`], signal[`${name}_short`]];
    return long === null && short === null
      ? `${label} none`
      : `${label} ${long} long, ${short} short`;
  };
  return [
    `${signal.decision ?? 'no decision'}, ${signal.status}${signal.is_deleted === 1 ? ', taken back: its candle was deleted' : ''}`,
    `${scores('final_score', 'final score')} (${signal.score_basis ?? 'nothing'}); ${scores('rule_score', 'rules')}; ${scores('ml_prob', 'model')}`,
    `because ${signal.fired.length === 0 ? 'no condition fired' : signal.fired.join(', ')}`,
    `by ${signal.rule_set} on ${signal.feature_set}, model ${signal.model_version ?? 'none'}`,
    `version ${signal.version}`,
  ];
}

function featureLines(named: Readonly<Record<string, number | null>>): string[] {
  const texts = Object.entries(named).map(([name, value]) => `${name} ${value ?? 'none'}`);
  return Array.from({ length: Math.ceil(texts.length / FEATURES_IN_LINE) }, (_, at) =>
    line('', texts.slice(at * FEATURES_IN_LINE, (at + 1) * FEATURES_IN_LINE).join(', ')),
  );
}

const OPS: Readonly<Record<string, string>> = {
  c: 'inserted',
  u: 'changed',
  d: 'deleted',
  r: 'read by a snapshot',
  i: 'read by an incremental snapshot',
};

function describeRevision(change: RevisionLink, basis: Lineage['basis']): string[] {
  const isBasis = !isMissing(basis) && basis.version === change.version;
  const what = OPS[change.op] ?? change.op;
  const values =
    change.is_deleted === 1
      ? ''
      : `: open ${change.open} high ${change.high} low ${change.low} close ${change.close} ` +
        `volume ${change.volume ?? 'none'}, revision ${change.revision}, by ${change.source}, seen ${change.observed_at}`;
  return [
    line('candle', `${what} ${change.committed_at}${values}`),
    line('', `version ${change.version}${isBasis ? ', which the signal is about' : ''}`),
  ];
}

function describeCheck({
  follows,
  differs,
}: {
  readonly follows: boolean;
  readonly differs: readonly string[];
}): string {
  return follows
    ? 'verified: read again, and the ledger says what it says'
    : `NOT what the ledger says: ${differs.join('; ')}`;
}

function describeRun(run: RunLink): string[] {
  return [
    `${run.id}: ${run.job}, ${run.state}, by ${run.worker ?? 'a worker that is not recorded'}`,
    `${run.started_at} to ${run.finished_at ?? 'now'}, asked for ${run.range_from} to ${run.range_to}; ` +
      `${grouped(Number(run.inserted))} inserted, ${grouped(Number(run.revised))} revised`,
    ...(run.error === null ? [] : [`failed: ${run.error}`]),
  ];
}

function describeRaw(raw: RawLink): string[] {
  return [
    `${raw.id}: ${raw.url}, fetched ${raw.fetched_at} by run ${raw.ingest_run_id}, ${grouped(raw.bytes)} bytes`,
    raw.matches
      ? `sha256 ${raw.sha256}, computed again and equal`
      : `sha256 ${raw.sha256} recorded, and ${raw.recomputed} of what is there: DAMAGED`,
  ];
}

function describeHashes({ hashes, features }: Lineage): string[] {
  const { featureSet, ruleSet, config } = hashes;
  const isSame = featureSet.recorded === featureSet.running;
  return [
    line(
      'hashes',
      `feature set ${featureSet.recorded ?? 'not recorded'}` +
        (isMissing(features)
          ? ''
          : isSame
            ? ', the one that runs'
            : `, and ${featureSet.running} runs`),
    ),
    line('', `rule set ${ruleSet.running} runs; ${isMissing(ruleSet) ? ruleSet.missing : ''}`),
    line('', 'model none'),
    line('', `configuration ${isMissing(config) ? config.missing : config.recorded}`),
  ];
}

function hashText(hash: string): string {
  return hash.slice(0, 12);
}

/** How much of everything there is right now. In: clients. Out: numbers. Read-only. */
import {
  GROUP_ANALYZER,
  REPLICATION_SLOT,
  TOPIC_CANDLES,
  TOPIC_DLQ,
} from '#core/contracts/names.ts';
import { readRows } from '#platform/clickhouse.ts';
import type { Admin } from '#platform/kafka.ts';
import type { PipelineClients } from './pipeline-clients.ts';
import { OF_FEATURE_SET, OF_RULE_SET } from '../../proof/produced-by.ts';

/** As much of the clients as counting needs. */
export interface CountedClients extends Pick<PipelineClients, 'pool' | 'clickhouse' | 'producer'> {
  readonly kafka: Pick<Admin, 'fetchTopicOffsets' | 'fetchOffsets'>;
}

export interface SlotState {
  /** Somebody reads it. */
  readonly active: boolean;
  readonly lagBytes: number;
  /** Why Postgres gave it up, WAL that nobody had read with it; null while it is good. */
  readonly lost: string | null;
}

export interface PipelineCounts {
  /** Closed candles in Postgres. */
  readonly postgresCandles: number;
  /** Records ever written to the candle topic; redeliveries count. */
  readonly changes: number;
  /** Records not yet committed by the analyzer. */
  readonly lag: number;
  /** Messages of the dead letter topic, whatever became of them; a large record has several. */
  readonly deadLetters: number;
  readonly candles: number;
  /** Of the feature set that runs, as signals are of the rules that run. */
  readonly features: number;
  readonly signals: number;
  /** Null when the replication slot does not exist. */
  readonly slot: SlotState | null;
}

export async function readCounts(clients: CountedClients): Promise<PipelineCounts> {
  const [postgresCandles, slot, topic, deadLetters, tables] = await Promise.all([
    countPostgres(clients),
    readSlot(clients),
    readTopic(clients),
    countDeadLetters(clients),
    countClickHouse(clients),
  ]);
  return { postgresCandles, slot, ...topic, deadLetters, ...tables };
}

async function countPostgres({ pool }: CountedClients): Promise<number> {
  const result = await pool.query<{ n: string }>(
    'select count(*) as n from market.candles where is_closed',
  );
  return Number(result.rows[0]?.n ?? 0);
}

async function readSlot({ pool }: CountedClients): Promise<PipelineCounts['slot']> {
  const result = await pool.query<{ active: boolean; lag: string; lost: string | null }>(
    `select active, pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)::bigint as lag,
            coalesce(invalidation_reason, case when wal_status = 'lost' then 'lost' end) as lost
     from pg_replication_slots where slot_name = $1::name`,
    [REPLICATION_SLOT],
  );
  const row = result.rows[0];
  if (row === undefined) return null;
  return { active: row.active, lagBytes: Number(row.lag), lost: row.lost };
}

async function readTopic({
  kafka,
}: CountedClients): Promise<{ readonly changes: number; readonly lag: number }> {
  const [ends, groups] = await Promise.all([
    kafka.fetchTopicOffsets(TOPIC_CANDLES),
    kafka.fetchOffsets({ groupId: GROUP_ANALYZER, topics: [TOPIC_CANDLES] }),
  ]);
  const committed = new Map(
    groups.flatMap(({ partitions }) => partitions.map((p) => [p.partition, BigInt(p.offset)])),
  );
  let changes = 0n;
  let lag = 0n;
  for (const { partition, high, low } of ends) {
    const at = committed.get(partition) ?? -1n;
    changes += BigInt(high);
    const left = BigInt(high) - (at < 0n ? BigInt(low) : at);
    // The two were read a moment apart: what was committed since lies beyond the end seen.
    if (left > 0n) lag += left;
  }
  return { changes: Number(changes), lag: Number(lag) };
}

async function countDeadLetters({ kafka }: CountedClients): Promise<number> {
  let count = 0n;
  for (const { high, low } of await kafka.fetchTopicOffsets(TOPIC_DLQ)) {
    count += BigInt(high) - BigInt(low);
  }
  return Number(count);
}

async function countClickHouse({
  clickhouse,
  producer,
}: CountedClients): Promise<Pick<PipelineCounts, 'candles' | 'features' | 'signals'>> {
  const rows = await readRows<{ candles: string; features: string; signals: string }>(
    clickhouse,
    `select (select count() from candles final) as candles,
            (select count() from features final where ${OF_FEATURE_SET}) as features,
            (select count() from signals final where ${OF_RULE_SET}) as signals`,
    { ...producer },
  );
  const row = rows[0];
  return {
    candles: Number(row?.candles ?? 0),
    features: Number(row?.features ?? 0),
    signals: Number(row?.signals ?? 0),
  };
}

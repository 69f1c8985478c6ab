/**
 * Waits until everything below a WAL position lies in ClickHouse. In: clients, the position, bounds. Out:
 * nothing, or an error that says where it is stuck. Three steps that follow from one another: Debezium
 * confirms to the slot what Kafka has acknowledged; then the ends of the partitions lie behind it; then
 * the analyzer commits those ends, which it does only after the rows are durable.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { GROUP_ANALYZER, REPLICATION_SLOT, TOPIC_CANDLES } from '#core/contracts/names.ts';
import { AppError } from '#core/errors.ts';
import { lsnText } from '#core/lsn.ts';
import type { Admin } from '#platform/kafka.ts';
import type { Pool } from '#platform/postgres.ts';

export interface ArrivalClients {
  readonly pool: Pool;
  /** Null where it cannot be reached: then only what Kafka has acknowledged is waited for. */
  readonly kafka: OffsetReader | null;
}

type OffsetReader = Pick<Admin, 'fetchTopicOffsets' | 'fetchOffsets'>;

export interface ArrivalBounds {
  /** For the slot; an idle one confirms with its heartbeat, every 5 s. */
  readonly captureMs: number;
  /** For the analyzer, which may be far behind. */
  readonly analyseMs: number;
  readonly pollMs: number;
  /** Whoever has to end does not wait. */
  readonly signal?: AbortSignal;
}

export const ARRIVAL_BOUNDS: ArrivalBounds = {
  captureMs: 60_000,
  analyseMs: 300_000,
  pollMs: 100,
};

/** @throws AppError WICK_PROOF_STALLED. */
export async function waitForArrival(
  clients: ArrivalClients,
  lsn: bigint,
  say: (line: string) => void,
  bounds: ArrivalBounds = ARRIVAL_BOUNDS,
): Promise<void> {
  say(`waiting for change capture to pass ${lsnText(lsn)}`);
  await poll(bounds, bounds.captureMs, async () => isCaptured(clients.pool, lsn));
  const { kafka } = clients;
  if (kafka === null) return;
  const ends = await readEnds(kafka);
  let told = -1n;
  await poll(bounds, bounds.analyseMs, async () => {
    const left = await countLeft(kafka, ends);
    if (left > 0n && told !== left) say(`waiting for the analyzer: ${left} records to go`);
    told = left;
    return left === 0n
      ? null
      : `the analyzer has ${left} records to go; "wick status" and its log say why it is behind`;
  });
}

/** @param check tells what is missing, null once nothing is. */
async function poll(
  { pollMs, signal }: ArrivalBounds,
  timeoutMs: number,
  check: () => Promise<string | null>,
): Promise<void> {
  const until = performance.now() + timeoutMs;
  for (;;) {
    const missing = await check();
    if (missing === null) return;
    if (performance.now() > until) {
      throw new AppError(
        'WICK_PROOF_STALLED',
        `nothing is proven: after ${Math.round(timeoutMs / 1000)} s ${missing}`,
        { retryable: true },
      );
    }
    signal?.throwIfAborted();
    await delay(pollMs);
  }
}

async function isCaptured(pool: Pool, lsn: bigint): Promise<string | null> {
  const { rows } = await pool.query<{ at: string | null; active: boolean; lost: string | null }>(
    `select (confirmed_flush_lsn - '0/0'::pg_lsn)::text as at, active,
            coalesce(invalidation_reason, case when wal_status = 'lost' then 'lost' end) as lost
     from pg_replication_slots where slot_name = $1::name`,
    [REPLICATION_SLOT],
  );
  const [slot] = rows;
  const register = 'register the connector: "wick connector activate"';
  if (slot === undefined) throw unprovable(`there is no replication slot; ${register}`);
  if (slot.lost !== null) {
    throw unprovable(
      `the replication slot is lost (${slot.lost}): changes never left Postgres; "wick doctor" says what to do`,
    );
  }
  // Behind it, not at it: a slot begins where its snapshot is taken, with all of that still to read.
  if (slot.at !== null && BigInt(slot.at) > lsn) return null;
  return slot.active
    ? `the slot has confirmed ${lsnText(BigInt(slot.at ?? '0'))} and not ${lsnText(lsn)}; see the log of Kafka Connect`
    : `nobody reads the replication slot; ${register}`;
}

function unprovable(why: string): AppError {
  return new AppError('WICK_PROOF_STALLED', `nothing is proven: ${why}`);
}

type Ends = ReadonlyMap<number, { readonly low: bigint; readonly high: bigint }>;

async function readEnds(kafka: OffsetReader): Promise<Ends> {
  const partitions = await kafka.fetchTopicOffsets(TOPIC_CANDLES);
  return new Map(
    partitions.map(({ partition, low, high }) => [
      partition,
      { low: BigInt(low), high: BigInt(high) },
    ]),
  );
}

async function countLeft(kafka: OffsetReader, ends: Ends): Promise<bigint> {
  const groups = await kafka.fetchOffsets({ groupId: GROUP_ANALYZER, topics: [TOPIC_CANDLES] });
  const committed = new Map(
    groups.flatMap(({ partitions }) => partitions.map((p) => [p.partition, BigInt(p.offset)])),
  );
  let left = 0n;
  for (const [partition, { low, high }] of ends) {
    const offset = committed.get(partition) ?? -1n;
    const to = high - (offset < 0n ? low : offset);
    if (to > 0n) left += to;
  }
  return left;
}

/**
 * Fills the candle topic through the real connector, timing it on the way. In: the pipeline, the
 * recorded candles. Out: how many records the topic holds, and how long each round took. The rounds
 * go through `market.candles` like any load, so the messages are the product's own.
 */
import { ensureMonthPartitions } from '../etl/load/ensure-partitions.ts';
import type { LoadRow } from '../etl/load/candle-columns.ts';
import { upsertCandles } from '../etl/load/upsert-candles.ts';
import { waitFor } from '../local/stack/wait.ts';
import type { PipelineClients } from '../scripts/pipeline/pipeline-clients.ts';
import { seriesKey, type Candle } from '#core/candle.ts';
import { PUBLICATION, TOPIC_CANDLES } from '#core/contracts/names.ts';
import { inTransaction, type Pool } from '#platform/postgres.ts';
import type { BenchContext } from './context.ts';
import { renamed } from './recorded-candles.ts';

export interface FillRound {
  readonly rows: number;
  /** From letting the connector go until the topic holds the rows. */
  readonly connectorSeconds: number;
  /** One read of the same WAL by a second slot, decoded by pgoutput and thrown away. */
  readonly rawSeconds: number;
}

export interface FilledTopic {
  readonly records: number;
  /** Those that are candles; the others are the anchors of their series. */
  readonly candles: number;
  readonly rounds: readonly FillRound[];
}

/** One round is one copy of the recordings under an exchange name of its own. */
const ROUNDS = 2;
/** Candles in one transaction, as the collect job stores them. */
const BATCH_ROWS = 10_000;
const FILL_TIMEOUT_MS = 120_000;
const POLL_MS = 20;
const RAW_SLOT = 'bench_raw';

export async function fillTopic(context: BenchContext): Promise<FilledTopic> {
  const stack = await context.stack();
  const clients = await stack.pipeline();
  const { pool } = clients;
  const candles = await context.candles();
  const series = new Set(candles.map(seriesKey)).size;
  const rounds: FillRound[] = [];
  for (let round = 1; round <= ROUNDS; round += 1) {
    context.signal.throwIfAborted();
    await stack.pauseConnector(true);
    await pool.query(`select pg_create_logical_replication_slot('${RAW_SLOT}', 'pgoutput')`);
    await loadCandles(pool, renamed(candles, `recorded-${round}`));
    const before = await countRecords(clients);
    const startedAt = performance.now();
    const resumed = stack.pauseConnector(false);
    await untilRecords(clients, before + candles.length + series);
    const connectorSeconds = (performance.now() - startedAt) / 1000;
    await resumed;
    const rawSeconds = await readRaw(pool);
    rounds.push({ rows: candles.length, connectorSeconds, rawSeconds });
    context.say(
      `debezium: round ${round}, ${candles.length} candles in ${connectorSeconds.toFixed(1)} s, raw ${rawSeconds.toFixed(1)} s`,
    );
  }
  const records = await countRecords(clients);
  return { records, candles: candles.length * ROUNDS, rounds };
}

/** Stores candles the way the collect job does, months first. */
export async function loadCandles(pool: Pool, candles: readonly Candle[]): Promise<void> {
  await ensureMonthPartitions(pool, 'candles', new Set(candles.map(({ openTime }) => openTime)));
  for (let from = 0; from < candles.length; from += BATCH_ROWS) {
    const rows: LoadRow[] = candles
      .slice(from, from + BATCH_ROWS)
      .map((candle) => ({ candle, rawId: null }));
    await inTransaction(pool, (client) => upsertCandles(client, rows, { ingestRunId: 1n }));
  }
}

/** Records that a consumer group has not committed yet. */
export async function readLag({ kafka }: PipelineClients, groupId: string): Promise<number> {
  const [ends, groups] = await Promise.all([
    kafka.fetchTopicOffsets(TOPIC_CANDLES),
    kafka.fetchOffsets({ groupId, topics: [TOPIC_CANDLES] }),
  ]);
  const committed = new Map(
    groups.flatMap(({ partitions }) =>
      partitions.map((one) => [one.partition, Number(one.offset)]),
    ),
  );
  return ends.reduce(
    (sum, { partition, high }) => sum + Number(high) - Math.max(0, committed.get(partition) ?? 0),
    0,
  );
}

/** Records in the candle topic. */
export async function countRecords({ kafka }: PipelineClients): Promise<number> {
  const ends = await kafka.fetchTopicOffsets(TOPIC_CANDLES);
  return ends.reduce((sum, { high }) => sum + Number(high), 0);
}

export async function untilRecords(clients: PipelineClients, records: number): Promise<void> {
  await waitFor(async () => (await countRecords(clients)) >= records, {
    what: `the topic to hold ${records} records`,
    timeoutMs: FILL_TIMEOUT_MS,
    intervalMs: POLL_MS,
  });
}

async function readRaw(pool: Pool): Promise<number> {
  const startedAt = performance.now();
  await pool.query(
    `select count(*) from pg_logical_slot_peek_binary_changes($1, null, null,
       'proto_version', '1', 'publication_names', $2)`,
    [RAW_SLOT, PUBLICATION],
  );
  const seconds = (performance.now() - startedAt) / 1000;
  await pool.query('select pg_drop_replication_slot($1)', [RAW_SLOT]);
  return seconds;
}

/**
 * F21 and F23: changes that change capture or Kafka lost for good. They must not be lost in silence:
 * the proof finds them, and `--repair` brings them back, deletes among them.
 */
import { CONNECTOR_NAME, REPLICATION_SLOT, TOPIC_CANDLES } from '#core/contracts/names.ts';
import { producerOf } from '../../../analyzer/running-rules.ts';
import { waitFor } from '../../../local/stack/wait.ts';
import { healAndProve } from '../../../proof/heal.ts';
import { connectorRuns, streamIsStored } from '../../support/connector.ts';
import { PRODUCTION_RULES } from '../../support/evaluations.ts';
import { settle, untilConsumed } from '../../support/settle.ts';
import type { Fault, World } from '../run-fault.ts';
import { violationOf, type Violation } from '../violation.ts';

const TRANSACTIONS = 12;
const TIMEOUT_MS = 30_000;

/** What the proof says before and after it healed; what it did not see is a violation. */
async function heal({ pipeline, note }: World): Promise<Violation[]> {
  await settle(pipeline);
  const { pool, clickhouse, admin } = pipeline;
  const { found, after } = await healAndProve({
    clients: { pool, clickhouse, kafka: admin, producer: producerOf(PRODUCTION_RULES) },
    scope: { series: [], from: null, to: null },
    rowsMax: 1_000,
    say: () => undefined,
  });
  note('found by the proof', `${found.verdict}, ${found.rows.length} candles`);
  note('after the repair', after?.verdict ?? 'not needed');
  return [
    ...(found.verdict === 'different'
      ? []
      : violationOf('I1', 'losses were not seen by the proof', [found.verdict])),
    ...(after === null || after.verdict === 'equal'
      ? []
      : violationOf('I1', 'losses are left after the repair', [after.verdict])),
  ];
}

async function begin({ pipeline, workload, startAnalyzer }: World): Promise<void> {
  await startAnalyzer();
  await workload.grow(20);
  await untilConsumed(pipeline);
  await streamIsStored(pipeline.config.CONNECT_URL, CONNECTOR_NAME);
}

/** F21: somebody advances the slot past what nobody had read. */
export const SLOT_ADVANCED: Fault = {
  id: 'F21',
  variant: 'slot-advanced',
  run: async (world) => {
    const { pipeline, workload } = world;
    await begin(world);
    await pipeline.engines.keeper.kill('connect');
    const idle = async (): Promise<boolean> => {
      const { rows } = await pipeline.pool.query(
        'select from pg_replication_slots where slot_name = $1 and not active',
        [REPLICATION_SLOT],
      );
      return rows.length === 1;
    };
    await waitFor(idle, { what: 'the slot to be let go', timeoutMs: TIMEOUT_MS });
    await workload.grow(TRANSACTIONS);
    await pipeline.pool.query('select pg_replication_slot_advance($1, pg_current_wal_lsn())', [
      REPLICATION_SLOT,
    ]);
    await pipeline.engines.keeper.start('connect');
    await connectorRuns(pipeline.config.CONNECT_URL, CONNECTOR_NAME);
    await workload.grow(TRANSACTIONS);
    return heal(world);
  },
};

/** F23: Kafka drops records before the analyzer has read them. */
export const RECORDS_EXPIRED: Fault = {
  id: 'F23',
  variant: 'records-expired',
  run: async (world) => {
    const { pipeline, topic, workload, startAnalyzer, stopAnalyzers, note } = world;
    await begin(world);
    await stopAnalyzers();
    const before = topic.records.length;
    await workload.grow(TRANSACTIONS);
    await topic.until('the changes', (records) => records.length > before + TRANSACTIONS);
    const offsets = await pipeline.admin.fetchTopicOffsets(TOPIC_CANDLES);
    await pipeline.admin.deleteTopicRecords({
      topic: TOPIC_CANDLES,
      partitions: offsets.map(({ partition, high }) => ({ partition, offset: high })),
    });
    const analyzer = await startAnalyzer();
    await workload.grow(TRANSACTIONS);
    const violations = await heal(world);
    const told = (await analyzer.readLog()).includes('records are gone from the topic');
    note('told in the log', told ? 'yes' : 'no');
    return violations;
  },
};

/**
 * Brings candles to ClickHouse as the analyzer would, without Kafka between. In: changes in stream
 * order. Out: rows in all four tables, through the analyzer's own core and encoders, and the changes
 * among them as a ledger in memory.
 */
import type { CandleChange } from '#core/contracts/candle-change.ts';
import { insertRowBinary, type ClickHouseClient } from '#platform/clickhouse.ts';
import { PartitionState } from '../../analyzer/partition.ts';
import { OUTPUT_NAMES, OUTPUTS, OutputRows } from '../../analyzer/sink/tables.ts';
import { MemoryLedger } from './memory-ledger.ts';
import { TRIAL_RULES } from './trial-rules.ts';

export async function analyse(
  client: ClickHouseClient,
  changes: readonly CandleChange[],
): Promise<MemoryLedger> {
  const ledger = new MemoryLedger();
  const rows = new OutputRows({
    featureSet: 'trial',
    featureSetVersion: 1,
    featureSetHash: '00'.repeat(32),
    ruleSet: 'trial',
    ruleSetVersion: 1,
    modelVersion: '',
  });
  const partition = new PartitionState({
    rules: TRIAL_RULES,
    readHistory: (series, before) => Promise.resolve(ledger.asOf(series, before)),
    output: {
      change: (change) => {
        ledger.write(change);
        rows.addChange(change);
      },
      derived: (key, series, row) => rows.addDerived(key, series, row),
      newest: () => undefined,
    },
  });
  await partition.apply(changes);
  const bytes = rows.take();
  for (const name of OUTPUT_NAMES) {
    const { table, columns } = OUTPUTS[name];
    await insertRowBinary(client, table, columns, bytes[name]);
  }
  return ledger;
}

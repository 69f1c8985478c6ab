/**
 * Brings candles to ClickHouse as the analyzer would, without Kafka between. In: changes in stream
 * order. Out: rows in all four tables, through the analyzer's own core and encoders, and the changes
 * among them as a ledger in memory.
 */
import type { CandleChange } from '#core/contracts/candle-change.ts';
import type { AnchorChange } from '#core/contracts/ledger-change.ts';
import { insertNative, type ClickHouseClient } from '#platform/clickhouse.ts';
import { PartitionState, type SeriesEvent } from '../../analyzer/partition.ts';
import { OUTPUT_NAMES, OUTPUTS, OutputRows, type Producer } from '../../analyzer/sink/tables.ts';
import { MemoryLedger } from './memory-ledger.ts';
import { TRIAL_RULES } from './trial-rules.ts';

/** What the rows say of the trial rules. */
export const TRIAL_PRODUCER: Producer = {
  featureSet: 'trial',
  featureSetVersion: 1,
  featureSetHash: '00'.repeat(32),
  ruleSet: 'trial',
  ruleSetVersion: 1,
  modelVersion: '',
};

export async function analyse(
  client: ClickHouseClient,
  changes: readonly SeriesEvent[],
  { withAnchors = true } = {},
): Promise<MemoryLedger> {
  const ledger = new MemoryLedger();
  const rows = new OutputRows(TRIAL_PRODUCER);
  const partition = new PartitionState({
    rules: TRIAL_RULES,
    history: ledger,
    output: {
      change: (change) => {
        ledger.write(change);
        rows.addChange(change);
      },
      anchor: (change) => {
        ledger.writeAnchor(change);
        rows.addAnchor(change);
      },
      gap: (change) => {
        ledger.writeGap(change);
        rows.addGap(change);
      },
      waypoint: (key, waypoint, cause) => {
        ledger.writeWaypoint(key, waypoint, cause);
        rows.addWaypoint(key, waypoint, cause);
      },
      derived: (_key, series, row) => rows.addDerived(series, row),
      newest: () => undefined,
    },
  });
  await partition.apply(changes);
  if (withAnchors) for (const anchor of firstAnchors(changes)) rows.addAnchor(anchor);
  const bytes = rows.take();
  for (const name of OUTPUT_NAMES) {
    if (bytes[name].length > 0) await insertNative(client, OUTPUTS[name], bytes[name]);
  }
  return ledger;
}

/** Of no partition that a test restores. */
const NOWHERE = 65_535;

/** As the loader gives them, for series whose stream tells none; the states know nothing of them. */
function firstAnchors(events: readonly SeriesEvent[]): AnchorChange[] {
  const told = new Set(events.filter((event) => 'anchor' in event).map(({ key }) => key));
  const first = new Map<string, CandleChange>();
  for (const event of events) {
    if (!('values' in event) || told.has(event.key)) continue;
    const known = first.get(event.key);
    if (known === undefined || event.openTime < known.openTime) first.set(event.key, event);
  }
  return [...first.values()].map(({ openTime, ...place }) => ({
    ...place,
    version: 0n,
    partition: NOWHERE,
    anchor: openTime,
    movedAt: place.committedAt,
  }));
}

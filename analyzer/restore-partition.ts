/**
 * A partition as it comes to this process: its state from the stores, and the way from the state to the
 * outputs. In: its first batch, and where the state is to come from. Out: the partition, ready to go on.
 */
import type { EachBatchPayload } from '#platform/kafka.ts';
import type { Logger } from '#platform/logger.ts';
import type { Assigned } from './assigned.ts';
import type { CheckpointStore } from './checkpoint.ts';
import { PartitionState, type PartitionOptions } from './partition.ts';
import type { LatestCache } from './sink/cache-latest.ts';
import type { GroupWriter } from './sink/group-writer.ts';
import { LatestStep } from './sink/latest-step.ts';
import type { Publisher } from './sink/publisher.ts';
import type { Waypoint } from './waypoint.ts';
import { whileBeating } from './while-beating.ts';

export interface RestoreRequest {
  readonly payload: EachBatchPayload;
  /** Offset of its first message. */
  readonly first: bigint;
  readonly source: 'marker' | 'ledger';
  /** Of the restoring itself. */
  readonly breathe: () => Promise<void>;
  /** Of each step that folds a series again. */
  readonly breatheInStep: () => Promise<void>;
}

export interface RestoreStores {
  readonly writer: GroupWriter;
  readonly latest: LatestCache;
  readonly publisher: Publisher;
  readonly checkpoints: CheckpointStore;
  readonly partition: Pick<PartitionOptions, 'rules' | 'history'>;
  readonly logger: Logger;
}

export async function restorePartition(
  { payload, first, source, breathe, breatheInStep }: RestoreRequest,
  stores: RestoreStores,
): Promise<Assigned> {
  const { partition } = payload.batch;
  const { checkpoints, writer, logger } = stores;
  const latest = new LatestStep(stores.latest, (key) => state.series.get(key)?.newest);
  const outbox = stores.publisher.outbox();
  const state = new PartitionState({
    ...stores.partition,
    settle: () => writer.flush(),
    breathe: breatheInStep,
    output: {
      change: (change) => writer.rows.addChange(change),
      anchor: (change) => writer.rows.addAnchor(change),
      gap: (change) => writer.rows.addGap(change),
      derived: (_key, series, row) => {
        writer.rows.addDerived(series, row);
        outbox.add(series, row);
      },
      waypoint: (...waypoint) => writer.rows.addWaypoint(...waypoint),
      newest: (key, newest) => latest.newest(key, newest),
    },
  });
  const committed = first === 0n ? null : first;
  const cause = { offset: '0', isFoldedAgain: false };
  const aside = {
    breathe,
    waypoint: (key: string, waypoint: Waypoint) => writer.rows.addWaypoint(key, waypoint, cause),
  };
  const restored = await whileBeating(payload, () =>
    source === 'marker'
      ? checkpoints.restore(partition, committed, aside)
      : checkpoints.rebuild(partition, first, aside),
  );
  for (const [key, series] of restored.series) state.series.set(key, series);
  for (const key of restored.rebuilt) state.dirty.add(key);
  // Nothing stored, but not the beginning of the log either: everything is consumed again.
  const offset = restored.offset ?? (source === 'marker' ? 0n : first);
  state.takenBelow = offset;
  logger.info(
    { partition, series: restored.series.size, resumeAt: String(offset), first: String(first) },
    'partition restored',
  );
  return {
    partition,
    state,
    latest,
    outbox,
    unsettled: new Set(),
    offset: offset < first ? offset : first,
    at: null,
    isLeftOut: false,
  };
}

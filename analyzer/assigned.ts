/**
 * One partition while it is assigned to this process: its state, how far it was taken, and what of it
 * is on its way to the stores. Checkpoints are cut from it between steps.
 */
import type { EachBatchPayload } from '#platform/kafka.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { PartitionState } from './partition.ts';
import { newestVersion } from './position.ts';
import type { LatestStep } from './sink/latest-step.ts';
import type { Outbox } from './sink/publisher.ts';

/** One partition while it is assigned to us. */
export interface Assigned {
  readonly partition: number;
  readonly state: PartitionState;
  /** What the step at hand changes in the latest values. */
  readonly latest: LatestStep;
  /** What it derived and others were not told yet. */
  readonly outbox: Outbox;
  /** Steps whose rows are on their way, oldest first. */
  readonly unsettled: Set<Promise<void>>;
  /** The next offset to read. */
  offset: bigint;
  /** The batch whose step is being applied, with the state ahead of the offset; null between steps. */
  at: EachBatchPayload | null;
  /** It was busy at the last checkpoint, and makes one as soon as it is not. */
  isLeftOut: boolean;
}

/** The changed states of a partition as they are now; they count as saved from here on. */
export function checkpointOf({ partition, state, offset }: Assigned): Checkpoint {
  const changed = new Map<string, { version: bigint; text: string }>();
  for (const key of state.dirty) {
    const series = state.series.get(key);
    if (series === undefined) continue;
    changed.set(key, { version: newestVersion(series.position), text: series.save() });
  }
  state.dirty.clear();
  const positions = new Map([...state.series].map(([key, series]) => [key, series.position]));
  return { partition, offset, changed, positions };
}

/** Moves the analyzer's committed offsets, while it does not run. For tests of what a replay does. */
import { GROUP_ANALYZER, TOPIC_CANDLES } from '#core/contracts/names.ts';
import type { Admin } from '#platform/kafka.ts';
import { waitFor } from '../../local/stack/wait.ts';

const TIMEOUT_MS = 45_000;

/** Next offset of each partition that the analyzer has committed; -1 where it has none. */
export async function committedOffsets(admin: Admin): Promise<ReadonlyMap<number, bigint>> {
  const topics = await admin.fetchOffsets({ groupId: GROUP_ANALYZER, topics: [TOPIC_CANDLES] });
  return new Map(
    topics.flatMap(({ partitions }) => partitions.map((p) => [p.partition, BigInt(p.offset)])),
  );
}

/** Everything is delivered again to the next analyzer; a killed one may still be a member a while. */
export async function rewindToBeginning(admin: Admin): Promise<void> {
  const rewound = async (): Promise<boolean> => {
    await admin.resetOffsets({ groupId: GROUP_ANALYZER, topic: TOPIC_CANDLES, earliest: true });
    return true;
  };
  await waitFor(rewound, { what: 'the group to be empty', timeoutMs: TIMEOUT_MS });
}

/** The group as it is before any analyzer ever ran. */
export async function forgetGroup(admin: Admin): Promise<void> {
  const forgotten = async (): Promise<boolean> => {
    await admin.deleteGroups([GROUP_ANALYZER]);
    return true;
  };
  await waitFor(forgotten, { what: 'the group to be empty', timeoutMs: TIMEOUT_MS });
}

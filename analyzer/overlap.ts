/**
 * The place of a change whose events cannot tell it. A transaction that was already writing when an
 * initial snapshot was taken, and is the first to commit after it, has records older than the snapshot
 * and no commit before it to count from: by its version alone it would look like a redelivery of
 * something that the snapshot holds. That it comes after the snapshot shows only in the topic's order.
 */
import type { ChangePlace } from '#core/contracts/change-place.ts';

const LSN_BITS = 64n;
const LSN_MASK = (1n << LSN_BITS) - 1n;
/** Above every LSN that a server reaches: such a place lies between a snapshot and what follows. */
const AFTER_SNAPSHOT = 1n << 63n;

/** An initial snapshot, as far as one series shows it. */
export interface SnapshotPlace {
  readonly lsn: bigint;
  /** A row of it, or of what follows it, has this offset. */
  readonly offset: bigint | string;
}

/** The initial snapshot that a version belongs to; null where it belongs to none. */
export function snapshotOf(
  { version }: { readonly version: bigint },
  offset: bigint | string,
): SnapshotPlace | null {
  if (version < 0n) return null;
  const low = version & LSN_MASK;
  if (low !== 0n && low < AFTER_SNAPSHOT) return null;
  return { lsn: version >> LSN_BITS, offset };
}

/**
 * The change at the place that it has after the newest initial snapshot of its series; itself where
 * its own version tells. Equal events get equal places: a redelivery is still one.
 * @param taken how far the series was taken. Once that is past the snapshot, every change tells.
 */
export function placedAfter<Change extends ChangePlace>(
  snapshot: SnapshotPlace,
  taken: bigint,
  change: Change,
): Change {
  if (taken >> LSN_BITS > snapshot.lsn || change.origin !== 'stream') return change;
  const record = change.version & LSN_MASK;
  const knowsNoCommit = change.version >> LSN_BITS === record;
  if (!knowsNoCommit || record > snapshot.lsn) return change;
  // What was sent before the snapshot, and comes again after a rewind, is not later than it.
  if (BigInt(change.offset) <= BigInt(snapshot.offset)) return change;
  return { ...change, version: (snapshot.lsn << LSN_BITS) + AFTER_SNAPSHOT + record };
}

/** Where a change stands in the WAL and in the topic: what all changes have, whatever row they are about. */
import type { Series } from '../candle.ts';
import type { EpochMs } from '../time.ts';

/** Where the change came from. */
export type ChangeOrigin = 'stream' | 'initial_snapshot' | 'incremental_snapshot';

/** One change's place; those of one series have one partition and rise in `version`. */
export interface ChangePlace {
  readonly series: Series;
  /** `seriesKey(series)`. */
  readonly key: string;
  /** Debezium's op: c, u, d or r. */
  readonly op: 'c' | 'u' | 'd' | 'r';
  readonly origin: ChangeOrigin;
  /**
   * Place in the stream, `previousCommitLsn · 2^64 + recordLsn`. Rises in stream order, is the same
   * on redelivery. All rows of an initial snapshot share `snapshotLsn · 2^64`, all rows of a chunk of
   * an incremental snapshot share one; among those the open time orders a series. The first
   * transaction after an initial snapshot knows no commit before it: `recordLsn · 2^64 + recordLsn`.
   */
  readonly version: bigint;
  /** Null on incremental snapshot rows. */
  readonly lsn: string | null;
  readonly txId: number | null;
  /** Commit time in Postgres. */
  readonly committedAt: EpochMs;
  readonly partition: number;
  readonly offset: string;
}
